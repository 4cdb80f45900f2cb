import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Declared {
  readonly members: readonly string[];
  readonly parents: string;
  readonly isExported: boolean;
}

/** What programs give to the entries of the package: by interface, the names of its options, inherited ones included. */
export function publicOptions(): ReadonlyMap<string, readonly string[]> {
  const declared = declaredInterfaces();
  return new Map(
    [...exportedNames()]
      .filter(
        (name) =>
          /(?:Options|Info|Backoff|Statement|NewOutboxMessage)$/.test(name) && declared.get(name)?.isExported === true,
      )
      .map((name) => [name, optionsOf(name, declared).toSorted()]),
  );
}

function exportedNames(): ReadonlySet<string> {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { default: string }>;
  };
  const entries = Object.values(exports).flatMap((target) => (typeof target === 'string' ? [] : [target.default]));
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
      const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map((match) => match[1] ?? '');
      found.set(name, { members, parents: head.replace(/^<[^>]*>/, ''), isExported: isExported !== undefined });
    }
    for (const [, name = '', base = ''] of text.matchAll(/^export type (\w+) = ((?:Pick|Omit)<[^;]*>);$/gm)) {
      found.set(name, { members: [], parents: `extends ${base}`, isExported: true });
    }
  }
  return found;
}

function optionsOf(name: string, declared: ReadonlyMap<string, Declared>): string[] {
  const { members = [], parents = '' } = declared.get(name) ?? {};
  const [, bases = ''] = /extends\s+([\s\S]*)/.exec(parents) ?? [];
  const inherited = new Set<string>();
  for (const [, kind, base = '', , names = ''] of bases.matchAll(
    /(Pick|Omit)<\s*(\w+)(<[^>]*>)?,\s*((?:\|?\s*'\w+'\s*)+),?\s*>/g,
  )) {
    const listed: readonly string[] = names.match(/\w+/g) ?? [];
    for (const each of optionsOf(base, declared)) if (listed.includes(each) === (kind === 'Pick')) inherited.add(each);
  }
  const plain: readonly string[] = bases.replaceAll(/(?:Pick|Omit)<[\s\S]*?'\s*>/g, '').match(/[A-Z]\w+/g) ?? [];
  for (const base of plain) for (const each of optionsOf(base, declared)) inherited.add(each);
  return [...new Set([...inherited, ...members])];
}
