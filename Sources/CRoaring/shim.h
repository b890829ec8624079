#pragma once
// Debian: libroaring-dev.
#include <roaring/roaring.h>
