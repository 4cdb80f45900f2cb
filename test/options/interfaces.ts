import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Declared {
  /** The comments of the options, by their names. */
  readonly members: ReadonlyMap<string, string>;
  readonly parents: string;
  readonly isExported: boolean;
}

/** What programs give to the entries of the package: by interface, the names of its options, inherited ones included. */
export function publicOptions(): ReadonlyMap<string, readonly string[]> {
  return new Map([...documentedOptions()].map(([name, options]) => [name, [...options.keys()].toSorted()]));
}

/** As `publicOptions`, with the comment of each option. */
export function documentedOptions(): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const declared = declaredInterfaces();
  return new Map(
    [...exportedNames()]
      .filter(
        (name) =>
          /(?:Options|Info|Backoff|Compensation|Statement|NewOutboxMessage)$/.test(name) &&
          declared.get(name)?.isExported === true,
      )
      .map((name) => [name, optionsOf(name, declared)]),
  );
}

function exportedNames(): ReadonlySet<string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { import: { default: string } }>;
  };
  const entries = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? [] : [target.import.default],
  );
  const texts = entries.map((entry) =>
    readFileSync(join(root, entry.replace('./dist', 'src').replace(/js$/, 'ts')), 'utf8'),
  );
  return new Set(texts.flatMap((text) => text.match(/\b[A-Z]\w+/g) ?? []));
}

/** Of all files; the formatter sees to it that members stand two blanks in. */
function declaredInterfaces(): ReadonlyMap<string, Declared> {
  const files = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const found = new Map<string, Declared>();
  for (const file of files) {
    const text = readFileSync(join(root, 'src', file), 'utf8');
    for (const [, isExported, name = '', head = '', body = ''] of text.matchAll(
      /^(export )?interface (\w+)([^{]*)\{(?:\}|\n([\s\S]*?)^\})/gm,
    )) {
      const members = new Map(
        [...body.matchAll(/(\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*)?^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(
          ([, comment = '', member = '']) => [member, comment] as const,
        ),
      );
      found.set(name, { members, parents: head.replace(/^<[^>]*>/, ''), isExported: isExported !== undefined });
    }
    for (const [, name = '', base = ''] of text.matchAll(/^export type (\w+) = ((?:Pick|Omit)<[^;]*>);$/gm)) {
      found.set(name, { members: new Map(), parents: `extends ${base}`, isExported: true });
    }
  }
  return found;
}

function optionsOf(name: string, declared: ReadonlyMap<string, Declared>): ReadonlyMap<string, string> {
  const { members = [], parents = '' } = declared.get(name) ?? {};
  const [, bases = ''] = /extends\s+([\s\S]*)/.exec(parents) ?? [];
  const found = new Map<string, string>();
  for (const [, kind, base = '', , names = ''] of bases.matchAll(
    /(Pick|Omit)<\s*(\w+)(<[^>]*>)?,\s*((?:\|?\s*'\w+'\s*)+),?\s*>/g,
  )) {
    const listed: readonly string[] = names.match(/\w+/g) ?? [];
    for (const [each, comment] of optionsOf(base, declared))
      if (listed.includes(each) === (kind === 'Pick')) found.set(each, comment);
  }
  const plain: readonly string[] = bases.replaceAll(/(?:Pick|Omit)<[\s\S]*?'\s*>/g, '').match(/[A-Z]\w+/g) ?? [];
  for (const base of plain) for (const [each, comment] of optionsOf(base, declared)) found.set(each, comment);
  for (const [each, comment] of members) found.set(each, comment);
  return found;
}
