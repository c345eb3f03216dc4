//! Whole clusters of real processes, as users meet them; and the house style, held by a test.
