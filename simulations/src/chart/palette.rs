//! Colours, after Okabe and Ito, "Color Universal Design" (2008): seven that people of any colour vision
//! tell apart, each with enough contrast on white and on nearly black.

use plotters::style::RGBColor;

/// Blue, vermilion, green, purple, orange, sky blue, grey.
pub(super) const COLOURS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xB2),
    RGBColor(0xD5, 0x5E, 0x00),
    RGBColor(0x00, 0x9E, 0x73),
    RGBColor(0xCC, 0x79, 0xA7),
    RGBColor(0xE6, 0x9F, 0x00),
    RGBColor(0x56, 0xB4, 0xE9),
    RGBColor(0x7F, 0x7F, 0x7F),
];

/// Lines of the grid: visible on white and on nearly black.
pub(super) const GRID: RGBColor = RGBColor(0x9A, 0x9A, 0x9A);

/// Dashes and gaps of what theory says, by its place among such curves, in CSS pixels. They are black, as
/// axes are: over a measured curve that they meet, one of the colours would not be seen.
pub(super) const DASHES: [(i32, i32); 4] = [(7, 5), (2, 3), (14, 5), (14, 2)];

/// The colour of a curve by its place.
pub(super) const fn colour(place: usize) -> RGBColor {
    COLOURS[place % COLOURS.len()]
}

/// Whether its marks are hollow: the second time round.
pub(super) const fn is_hollow(place: usize) -> bool {
    place >= COLOURS.len()
}
