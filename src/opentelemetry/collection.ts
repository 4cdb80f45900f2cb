const part = '(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[\\w$]+)';
const name = `(${part}(?:\\.${part})*)`;
const writes = [
  new RegExp(`^(?:insert|replace)(?: \\w+){0,2}? into ${name}`, 'i'),
  new RegExp(`^update (?:only )?${name}(?! *,)`, 'i'),
  new RegExp(`^delete from (?:only )?${name}`, 'i'),
];
const reads = new RegExp(`^select\\b.*? from (?:only )?${name}(?= |;|$)([^()]*)`, 'i');
/** What ends the list of tables. */
const endOfTables = / (?:where|group|having|order|limit|offset|fetch|for|window)\b/i;
/** Words with which a SELECT reads a table. */
const sources = /\b(?:join|from|union|intersect|except|with)\b/gi;

/** The table that a statement is about, where it is about one alone. @param text without literals, in one line */
export function collectionOf(text: string): string | undefined {
  for (const shape of writes) {
    const table = shape.exec(text)?.[1];
    if (table !== undefined) return unquoted(table);
  }
  const [, table, rest = ''] = reads.exec(text) ?? [];
  const isOnly = (text.match(sources) ?? []).length === 1 && !rest.split(endOfTables)[0]?.includes(',');
  return table !== undefined && isOnly ? unquoted(table) : undefined;
}

function unquoted(path: string): string {
  return path.replaceAll(/"((?:[^"]|"")+)"|`((?:[^`]|``)+)`/g, (_, double?: string, back?: string) =>
    double === undefined ? (back ?? '').replaceAll('``', '`') : double.replaceAll('""', '"'),
  );
}
