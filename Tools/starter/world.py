"""What the starter model knows: the puna, told as tables.

The puna is the high grassland of the Andes. The animals, plants and crafts are real; they are described in the plain
way of a school reader, with one answer to each question. The villages are invented. Everything here was written for
Puna; nothing is copied from another text.
"""


def rows(text):
    """The lines of a table, cut at the bars."""
    return [[cell.strip() for cell in line.split("|")] for line in text.strip().splitlines()]


def pairs(text):
    """`one two, three four` as a list of pairs."""
    return [tuple(entry.split()) for entry in text.replace("\n", " ").split(",")]


# name | plural | kind | food | home | colour | young | voice | owner ("wild" or "tame")
ANIMALS = rows("""
llama | llamas | mammal | grass | corral | brown | cria | hums | tame
alpaca | alpacas | mammal | sedge | bog | white | cria | hums | tame
vicuña | vicuñas | mammal | grass | plain | golden | cria | whistles | wild
guanaco | guanacos | mammal | leaves | valley | red | calf | bleats | wild
puma | pumas | mammal | deer | cliff | golden | cub | growls | wild
fox | foxes | mammal | mice | den | grey | cub | barks | wild
viscacha | viscachas | mammal | moss | rocks | grey | pup | whistles | wild
chinchilla | chinchillas | mammal | seeds | rocks | silver | kit | squeaks | wild
guinea pig | guinea pigs | mammal | clover | kitchen | spotted | pup | squeaks | tame
deer | deer | mammal | herbs | ridge | brown | fawn | snorts | wild
skunk | skunks | mammal | beetles | burrow | black | kit | hisses | wild
mouse | mice | mammal | seeds | burrow | grey | pup | squeaks | wild
bear | bears | mammal | berries | forest | black | cub | roars | wild
bat | bats | mammal | moths | cave | brown | pup | clicks | wild
otter | otters | mammal | fish | river | brown | pup | whistles | wild
rabbit | rabbits | mammal | clover | burrow | brown | kit | squeaks | wild
dog | dogs | mammal | bones | yard | black | puppy | barks | tame
cat | cats | mammal | mice | house | striped | kitten | mews | tame
sheep | sheep | mammal | grass | corral | white | lamb | bleats | tame
goat | goats | mammal | thistles | hillside | spotted | kid | bleats | tame
cow | cows | mammal | hay | barn | brown | calf | moos | tame
ox | oxen | mammal | hay | barn | red | calf | moos | tame
horse | horses | mammal | oats | stable | brown | foal | neighs | tame
donkey | donkeys | mammal | straw | stable | grey | foal | brays | tame
pig | pigs | mammal | potatoes | sty | pink | piglet | grunts | tame
condor | condors | bird | carrion | cliff | black | chick | hisses | wild
flamingo | flamingos | bird | algae | salt lake | pink | chick | honks | wild
hummingbird | hummingbirds | bird | nectar | garden | green | chick | chirps | wild
ibis | ibises | bird | worms | marsh | black | chick | honks | wild
goose | geese | bird | clover | bog | white | gosling | honks | wild
duck | ducks | bird | snails | pond | brown | duckling | quacks | wild
coot | coots | bird | waterweed | lake | black | chick | clucks | wild
gull | gulls | bird | fish | lake | white | chick | screams | wild
heron | herons | bird | frogs | marsh | grey | chick | croaks | wild
owl | owls | bird | mice | barn | brown | owlet | hoots | wild
eagle | eagles | bird | rabbits | cliff | grey | eaglet | screams | wild
hawk | hawks | bird | lizards | valley | grey | chick | screams | wild
lapwing | lapwings | bird | insects | plain | grey | chick | screams | wild
partridge | partridges | bird | seeds | plain | spotted | chick | whistles | wild
swallow | swallows | bird | flies | roof | blue | chick | chirps | wild
finch | finches | bird | seeds | garden | yellow | chick | sings | wild
parrot | parrots | bird | fruit | forest | green | chick | screams | wild
hen | hens | bird | maize | coop | red | chick | clucks | tame
turkey | turkeys | bird | maize | yard | black | poult | gobbles | tame
pigeon | pigeons | bird | barley | roof | grey | squab | coos | tame
trout | trout | fish | flies | river | spotted | fry | splashes | wild
catfish | catfish | fish | snails | lake | grey | fry | splashes | wild
frog | frogs | amphibian | flies | pond | green | tadpole | croaks | wild
toad | toads | amphibian | slugs | marsh | brown | tadpole | croaks | wild
lizard | lizards | reptile | ants | wall | green | hatchling | hisses | wild
snake | snakes | reptile | eggs | rocks | striped | hatchling | hisses | wild
bee | bees | insect | nectar | hive | golden | grub | buzzes | tame
butterfly | butterflies | insect | nectar | garden | blue | caterpillar | flutters | wild
beetle | beetles | insect | dung | burrow | black | grub | clicks | wild
grasshopper | grasshoppers | insect | grass | plain | green | nymph | chirps | wild
cricket | crickets | insect | crumbs | kitchen | black | nymph | sings | wild
moth | moths | insect | wool | house | grey | caterpillar | flutters | wild
fly | flies | insect | crumbs | kitchen | black | maggot | buzzes | wild
""")

# name | kind | use | flower | place
PLANTS = rows("""
ichu | grass | roofs | yellow | plain
quinoa | grain | soup | red | field
maize | grain | bread | golden | valley
barley | grain | beer | green | terrace
wheat | grain | bread | golden | valley
oats | grain | porridge | green | terrace
potato | root | stew | white | field
oca | root | stew | yellow | terrace
maca | root | porridge | white | plain
carrot | root | soup | white | garden
onion | bulb | soup | purple | garden
garlic | bulb | medicine | white | garden
bean | seed | stew | red | field
pea | seed | soup | pink | garden
lupin | seed | flour | blue | hillside
mint | herb | tea | purple | stream
sage | herb | tea | blue | hillside
nettle | herb | medicine | green | wall
totora | reed | boats | brown | lake
cane | reed | flutes | silver | river
yareta | cushion | fuel | green | cliff
queñua | tree | charcoal | green | ridge
willow | tree | baskets | yellow | river
eucalyptus | tree | beams | white | valley
alder | tree | dye | brown | stream
tola | shrub | fuel | yellow | plain
broom | shrub | brushes | yellow | roadside
puya | shrub | fences | blue | ridge
cactus | succulent | needles | red | cliff
agave | succulent | rope | yellow | roadside
moss | moss | bandages | green | bog
tomato | fruit | sauce | yellow | garden
pumpkin | fruit | stew | golden | field
pepper | fruit | sauce | white | garden
""")

# thing | what it is made of
MADE_OF = pairs("""
poncho wool, blanket wool, shawl wool, cap wool, rope hair, sling hair, basket willow, boat reeds, mat reeds, roof grass,
pot clay, jar clay, tile clay, flute cane, drum hide, saddle leather, sandal leather, belt leather, cheese milk, butter milk,
bread flour, cake flour, candle wax, soap fat, table wood, chair wood, door wood, spoon wood, loom wood, knife steel, razor steel,
plough iron, bell bronze, ring silver, wall stone, bridge stone, brick mud, oven mud, hat felt, sack cloth, shirt cotton,
window glass, bottle glass, book paper, kite paper, comb bone, needle bone, button horn, jam fruit, broth bones, coin copper,
kettle copper, pillow feathers, broom twigs, fence wire, net string
""")

# worker | what the worker does
JOBS = rows("""
herder | herds the animals
weaver | weaves the cloth
spinner | spins the yarn
shearer | shears the sheep
dyer | dyes the wool
knitter | knits the caps
potter | shapes the pots
smith | hammers the iron
carpenter | saws the wood
mason | lays the stones
baker | bakes the bread
cook | boils the soup
miller | grinds the grain
farmer | ploughs the field
gardener | waters the plants
fisher | catches the fish
hunter | follows the tracks
guide | shows the path
driver | drives the truck
porter | carries the load
trader | sells the goods
teacher | teaches the children
doctor | heals the sick
nurse | binds the wounds
judge | settles the quarrel
drummer | beats the drum
flutist | plays the flute
dancer | dances at the feast
singer | sings the songs
poet | writes the verses
painter | paints the walls
tailor | sews the shirts
cobbler | mends the shoes
tanner | tans the hides
miner | digs the silver
milkmaid | milks the cows
beekeeper | gathers the honey
ferryman | rows the boat
watchman | guards the gate
midwife | helps at births
postman | brings the letters
sweeper | sweeps the street
""")

# tool | what it is used for
TOOLS = rows("""
loom | weaving cloth
spindle | spinning yarn
needle | sewing shirts
razor | shaving beards
comb | combing wool
knife | cutting meat
axe | chopping wood
saw | cutting planks
hammer | driving nails
spade | digging holes
hoe | weeding fields
plough | turning soil
sickle | cutting barley
sieve | sifting flour
hearth | keeping warm
oven | baking bread
kettle | boiling water
pot | cooking soup
spoon | stirring soup
jar | storing grain
bucket | carrying water
basket | carrying potatoes
sack | carrying wool
rope | tying loads
sling | throwing stones
whip | driving oxen
bell | finding llamas
lantern | lighting paths
candle | lighting rooms
broom | sweeping floors
net | catching fish
hook | hanging meat
boat | crossing lakes
bridge | crossing rivers
ladder | climbing walls
scale | weighing wool
pen | writing letters
drum | keeping time
key | opening doors
""")

# village | market day | what it is known for | its elder | its river (all invented)
VILLAGES = rows("""
Ayaqucha | Monday | blankets | Tomasa | Sami
Pumawasi | Tuesday | cheese | Benito | Willka
Kunturpata | Wednesday | salt | Dominga | Yanamayu
Llamachay | Thursday | ropes | Eusebio | Qori
Ichupampa | Friday | hats | Felipa | Sami
Qochawari | Saturday | trout | Gregorio | Tiqsi
Wallatani | Sunday | drums | Hilaria | Pukara
Sullkamarka | Monday | honey | Isidro | Willka
Rumichaka | Tuesday | pots | Jacinta | Qori
Yurakmayu | Wednesday | bread | Lorenzo | Tiqsi
Quellapata | Thursday | flutes | Marcela | Pukara
Antakocha | Friday | bells | Nicanor | Yanamayu
Chullunku | Saturday | potatoes | Ofelia | Sami
Tolapampa | Sunday | sandals | Pascual | Willka
Suriwasi | Monday | baskets | Quintina | Qori
Hatunpuyo | Tuesday | ponchos | Rufino | Tiqsi
Parihuana | Wednesday | boats | Saturnina | Pukara
Wayrapata | Thursday | kites | Teodoro | Yanamayu
Kachipampa | Friday | soap | Ursula | Sami
Intimarka | Saturday | maize | Valentin | Willka
Killaqucha | Sunday | candles | Wilma | Qori
Yaretani | Monday | saddles | Ximena | Tiqsi
Pukawayqo | Tuesday | bricks | Yolanda | Pukara
Chaskawasi | Wednesday | shawls | Zenobio | Yanamayu
Ninaurqu | Thursday | knives | Anselma | Sami
Paqochani | Friday | yarn | Basilio | Willka
Mayupata | Saturday | mats | Casilda | Qori
Ukumarani | Sunday | jam | Damian | Tiqsi
Wichincha | Monday | butter | Emilia | Pukara
Taruqani | Tuesday | belts | Fermin | Yanamayu
Uqhupampa | Wednesday | caps | Gumercinda | Sami
Achikilla | Thursday | combs | Honorio | Willka
Phuyuwasi | Friday | jars | Irene | Qori
Quinuani | Saturday | soup | Julian | Tiqsi
Rittipata | Sunday | brooms | Leonarda | Pukara
Samanapata | Monday | songs | Martin | Yanamayu
""")

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
DRY = "May June July August September October".split()
UNITS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
         "eighteen nineteen").split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz"

# Each pair is told, and asked, in both directions.
OPPOSITES = pairs("""
hot cold, big small, high low, wet dry, young old, fast slow, heavy light, long short, wide narrow, rich poor, full empty,
hard soft, near far, early late, open closed, clean dirty, strong weak, thick thin, sharp blunt, sweet bitter, brave timid,
loud quiet, bright dark, happy sad, wild tame, rough smooth, deep shallow, cheap dear, straight crooked, fresh stale, day night,
up down, left right, north south, east west, summer winter, morning evening, buy sell, give take, push pull, laugh weep,
begin end, remember forget, arrive leave, win lose, rise fall, friend enemy, truth lie, war peace, top bottom, front back,
inside outside, always never, many few, love hate, true false, tight loose, raw cooked, alive dead, wise foolish, tall squat,
married single, lazy busy, guest host, question answer
""")

# word | another word for it
SYNONYMS = pairs("""
large big, little small, speedy fast, chilly cold, silent quiet, ill sick, glad happy, unhappy sad, powerful strong, feeble weak,
wealthy rich, damp wet, broad wide, aged old, difficult hard, tasty good, start begin, finish end, weep cry, shout yell, speak talk,
trail path, stone rock, pasture meadow, creek stream, hamlet village, infant baby, home house, present gift, error mistake,
rapid quick, courageous brave, clever wise, bashful shy, weary tired, tidy neat, furious angry, correct right, distant far,
peak summit, market fair, fleece wool, physician doctor, journey trip, foe enemy, pal friend
""")

PAST = pairs("""
go went, eat ate, see saw, spin spun, weave wove, give gave, take took, come came, run ran, drink drank, sing sang, sell sold,
buy bought, bring brought, think thought, teach taught, catch caught, find found, lose lost, make made, keep kept, sleep slept,
sweep swept, feed fed, lead led, ride rode, write wrote, drive drove, rise rose, fall fell, grow grew, know knew, blow blew,
throw threw, draw drew, fly flew, break broke, speak spoke, choose chose, freeze froze, wake woke, wear wore, tear tore, hide hid,
bite bit, dig dug, hang hung, swim swam, begin began, ring rang, sit sat, stand stood, hold held, tell told, hear heard, leave left,
lend lent, send sent, spend spent, build built, shear sheared, dye dyed, knit knitted, walk walked, climb climbed, carry carried,
milk milked, boil boiled, plant planted, gather gathered, wash washed, cook cooked, mend mended, count counted, call called,
follow followed, guard guarded, open opened, close closed, dance danced, paint painted, trade traded, load loaded, cross crossed,
thank thanked, help helped, watch watched, hunt hunted, plough ploughed, bake baked, tie tied, fill filled, pull pulled, push pushed
""")

IRREGULAR_PLURALS = pairs("""
child children, woman women, man men, foot feet, tooth teeth, knife knives, wolf wolves, leaf leaves, loaf loaves, calf calves,
half halves, shelf shelves, thief thieves, wife wives, baby babies, lady ladies, story stories, berry berries, city cities,
family families, potato potatoes, tomato tomatoes, hero heroes, box boxes, dish dishes, bench benches, branch branches, church churches,
glass glasses, dress dresses, brush brushes, puppy puppies, valley valleys, key keys
""")
REGULAR_NOUNS = """poncho blanket shawl cap rope sling basket boat mat roof pot jar tile flute drum saddle sandal belt cake candle table
chair door spoon loom plough bell ring wall bridge brick oven hat sack shirt window bottle book kite comb needle button coin kettle
pillow broom fence net herder weaver spinner potter smith baker cook farmer trader teacher river lake mountain hill cloud stone tree
flower seed egg bird road field house village market star storm song""".split()

# adjective, comparative (the superlative follows)
COMPARATIVES = pairs("""
cold colder, warm warmer, high higher, low lower, old older, young younger, small smaller, tall taller, short shorter, long longer,
fast faster, slow slower, hard harder, soft softer, rich richer, poor poorer, strong stronger, weak weaker, deep deeper, dark darker,
bright brighter, clean cleaner, sharp sharper, sweet sweeter, loud louder, thick thicker, cheap cheaper, fresh fresher, rough rougher,
smooth smoother, brave braver, wide wider, late later, wise wiser, fine finer, white whiter, large larger, big bigger, hot hotter,
wet wetter, thin thinner, fat fatter, sad sadder, red redder, happy happier, heavy heavier, early earlier, dry drier, dirty dirtier,
easy easier, busy busier, lazy lazier, tiny tinier, good better, bad worse, far farther
""")

# category | its members (for "what kind of thing is it" and for finding the odd one out)
CATEGORIES = {
    "colour": "white black brown grey red blue green yellow pink purple golden silver".split(),
    "garment": "poncho shawl cap hat shirt belt sandal coat skirt glove scarf sock".split(),
    "tool": "axe hammer saw spade hoe sickle needle spindle shears plough knife sieve".split(),
    "instrument": "flute drum harp guitar trumpet fiddle rattle panpipe".split(),
    "meal": "breakfast lunch supper dinner".split(),
    "number": "two three four five six seven eight nine ten".split(),
    "metal": "iron copper gold tin bronze lead steel zinc".split(),
    "relative": "mother father sister brother aunt uncle cousin grandmother grandfather daughter son".split(),
    "weather": "rain snow hail wind fog frost thunder sunshine".split(),
    "building": "house barn school church mill stable tower shed".split(),
    "drink": "water milk tea beer juice broth".split(),
    "part of the body": "hand foot head ear eye nose mouth arm leg knee back tooth".split(),
    "piece of furniture": "table chair bed bench shelf stool cupboard".split(),
    "day": DAYS,
    "month": MONTHS,
    "mammal": [a[0] for a in ANIMALS if a[2] == "mammal"],
    "bird": [a[0] for a in ANIMALS if a[2] == "bird"],
    "insect": [a[0] for a in ANIMALS if a[2] == "insect"],
    "tree": "queñua willow eucalyptus alder pine".split(),
    "grain": "quinoa maize barley wheat oats".split(),
}

PEOPLE = {
    "she": "Rosa Ana Luz Juana Elena Carmen Sara Paula Nina Marta Flora Lidia Clara Vera Ines Rita".split(),
    "he": "Mateo Inti Pedro Luis Pablo Carlos Hugo Diego Tito Ramon Simon Andres Oscar Ivan Raul Jorge".split(),
}
NAMES = PEOPLE["she"] + PEOPLE["he"]
GOODS = "wool salt maize bread cheese honey rope soap tea sugar flour eggs beans yarn candles potatoes barley butter".split()
PLACES = "market lake school bridge mill corral river well church field".split()
SHADES = CATEGORIES["colour"]
NOUNS = REGULAR_NOUNS + [a[0] for a in ANIMALS if " " not in a[0]] + GOODS
