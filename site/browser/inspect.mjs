/* global document, getComputedStyle, NodeFilter, innerWidth */
// Runs in the page: what is wrong with how it looks.

/** Text whose contrast with what is behind it is too low (WCAG AA), and what is wider than the page. */
export function inspect() {
  const found = new Set();
  if (document.documentElement.scrollWidth > innerWidth)
    found.add(`the page is ${document.documentElement.scrollWidth} px wide, the window ${innerWidth}`);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === '' || !element.checkVisibility({ opacityProperty: true })) continue;
    if (element.closest('[disabled], .visually-hidden, script, style') !== null) continue;
    const style = getComputedStyle(element);
    if (style.webkitTextFillColor !== style.color) continue; // painted by a gradient
    const size = Number.parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const behind = backgroundOf(element);
    const contrast = contrastOf(over(colour(style.color), behind), behind);
    if (contrast < (isLarge ? 3 : 4.5))
      found.add(
        `contrast ${contrast.toFixed(2)}: ${style.color} on rgb(${behind.join()}), <${element.localName} class="${element.className}">, "${walker.currentNode.data.trim().slice(0, 30)}"`,
      );
  }
  const unnamed = [...document.querySelectorAll('a[href], button')].filter((element) => {
    const name = element.ariaLabel ?? (element.title || element.textContent.trim());
    return element.checkVisibility() && name === '' && element.querySelector('img[alt]:not([alt=""])') === null;
  });
  for (const element of unnamed) found.add(`no name: ${element.outerHTML.slice(0, 120)}`);
  return [...found];

  function backgroundOf(element) {
    const layers = [];
    for (let each = element; each !== null; each = each.parentElement) {
      const layer = colour(getComputedStyle(each).backgroundColor);
      if (layer[3] > 0) layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
  }

  function colour(text) {
    const numbers = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    const [red, green, blue, alpha = 1] = numbers;
    return text.startsWith('color(srgb') ? [red * 255, green * 255, blue * 255, alpha] : [red, green, blue, alpha];
  }

  function over([red, green, blue, alpha], below) {
    return [red, green, blue].map((part, index) => Math.round(part * alpha + below[index] * (1 - alpha)));
  }

  function contrastOf(one, other) {
    const [light, dark] = [luminance(one), luminance(other)].sort((left, right) => right - left);
    return (light + 0.05) / (dark + 0.05);
  }

  function luminance(parts) {
    const [red, green, blue] = parts.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
}

/** Presses Tab are made outside; this says where the focus is, and whether one sees it. */
export function focused() {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  const isShown = (outlineStyle !== 'none' && outlineWidth !== '0px') || boxShadow !== 'none';
  return { text: element.textContent.trim().slice(0, 40) || element.ariaLabel, tag: element.localName, isShown };
}
