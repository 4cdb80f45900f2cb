const separators = /[\s,;|]+/;

/**
 * What a cell holds, as far as it has parts: JSON of an object or a list, an array of PostgreSQL, and a text of several words, of
 * which their number is told.
 */
export function structureOf(text: string): unknown {
  const json = jsonIn(text);
  if (json !== undefined) return json;
  const list = text.startsWith('{') ? arrayIn(text) : undefined;
  if (list !== undefined) return list;
  const words = text.split(separators).filter((word) => word !== '');
  return words.length > 1 ? { words: words.length } : text;
}

function jsonIn(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

const token = /"((?:[^"\\]|\\.)*)"|([{},])|([^{},"]+)/gsy;

/** The elements of an array as PostgreSQL writes it: `{a,"b c",{d,e}}`. */
function arrayIn(text: string): readonly unknown[] | undefined {
  const open: unknown[][] = [];
  let end = 0;
  for (const [all, quoted, sign, bare] of text.matchAll(token)) {
    end += all.length;
    const within = open.at(-1);
    if (sign === '{') open.push([]);
    else if (within === undefined) return undefined;
    else if (sign === '}') {
      open.pop();
      const outer = open.at(-1);
      if (outer === undefined) return end === text.length ? within : undefined;
      outer.push(within);
    } else if (sign === undefined) within.push(quoted === undefined ? bare : quoted.replaceAll(/\\(.)/gs, '$1'));
  }
  return undefined;
}
