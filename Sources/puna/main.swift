print("puna")
