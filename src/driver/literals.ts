const comment = String.raw`\/\*[\s\S]*?(?:\*\/|$)|--[^\n]*`;
const strings = String.raw`'(?:[^']|'')*(?:'|$)|"(?:[^"]|"")*(?:"|$)`;
const others = String.raw`(?<name>\`[^\`]*(?:\`|$))|\$(?<tag>(?:[A-Za-z_]\w*)?)\$[\s\S]*?(?:\$\k<tag>\$|$)|(?<![\w$])\d[\w.]*`;
/** Comments; strings in single, double and dollar quotes; quoted names; numbers that are no placeholder and in no name. */
const parts = new RegExp(`(?<comment>${comment})|${strings}|${others}`, 'g');
/** The same where `#` begins a comment, which is an operator elsewhere. */
const partsOfMysql = new RegExp(`(?<comment>${comment}|#[^\\n]*)|${strings}|${others}`, 'g');
/** What SET gives a variable needs no quotes. */
const assigned = /(=|\bto\b)[^,;]+/gi;

/**
 * A statement for those who read errors: without comments, and with `?` in place of each literal, which may be a password or a card.
 * @param nameQuote what names are quoted with on the engine
 */
export function withoutLiterals(text: string, nameQuote: string): string {
  // Whether a backslash escapes a quote depends on the engine and its settings: what follows is not sure to be outside of a string.
  const sure = text.includes('\\') ? text.slice(0, text.search(/['"]/)) : text;
  const masked = sure.replace(nameQuote === '`' ? partsOfMysql : parts, (part, ...found) => {
    const { comment, name } = found.at(-1) as { comment?: string; name?: string };
    if (comment !== undefined) return ' ';
    return name !== undefined || part.startsWith(nameQuote) ? part : '?';
  });
  const shown = /^\s*set\s/i.test(masked) ? masked.replace(assigned, '$1 ?') : masked;
  return sure === text ? shown.trim() : `${shown.trim()}…`;
}
