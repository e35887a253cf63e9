// The part of the screen that is left above a phone's keyboard: where that lies over the page, as on iOS, the page ends
// above it, and what one writes is seen.

const seen = window.visualViewport;

/** Begins to look. */
export function stayAbove() {
  seen?.addEventListener("resize", fit);
}

function fit() {
  if (!seen || seen.scale !== 1) return; // enlarged with two fingers: that is no keyboard
  const covered = innerHeight - seen.height > 1;
  document.body.style.blockSize = covered ? `${seen.height}px` : "";
  if (covered) scrollTo(0, 0);
}
