import TestSupport
import Testing

import Tokenizers
