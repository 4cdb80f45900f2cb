import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { counted, harmless } from '../../terminal/text.ts';
import type { Check, Finding } from '../finding.ts';
import { openLinter, type UnboundPlace } from './linter.ts';
import type { Project } from './project.ts';
import { sourceFiles } from './source-files.ts';

/** What a file must have in it to be read: the name of a package that makes handles, or a client of Prisma. */
const candidates = /\b(?:kysely|drizzle-orm|@mikro-orm\/|knex|typeorm|pg|pg-pool|mysql2|postgres)\b|\bPrismaClient\b/;
/** A file that says what package it is from has to import it. */
const importing = /\bimport\b|\brequire\s*\(/;

/** Pools, and handles of libraries, that do not follow the ambient transaction. */
export const unboundLibraries: Check<Project> = {
  name: 'unbound libraries',
  look({ folder }) {
    const files = sourceFiles(folder).flatMap((file) => {
      const text = textOf(join(folder, file));
      return text !== undefined && candidates.test(text) && importing.test(text) ? [{ file, text }] : [];
    });
    if (files.length === 0) return [];
    const read = openLinter(folder);
    if (read === undefined) return [notRead(files.length, 'ESLint is not installed', 'eslint')];
    const results = files.map(({ file, text }) => ({ file, places: read(text, file) }));
    const unread = results.filter(({ places }) => places === undefined);
    return [
      ...results.flatMap(({ file, places = [] }) => places.map((place) => unbound(file, place))),
      ...(unread.length === 0
        ? []
        : [notRead(unread.length, 'their syntax was not understood', '@typescript-eslint/parser', unread[0]?.file)]),
    ];
  },
};

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function unbound(file: string, { line, message }: UnboundPlace): Finding {
  const [what = '', remedy = ''] = message.split(/\. (?=[A-Z])/);
  return {
    code: 'LIBRARY_UNBOUND',
    severity: 'warning',
    what: harmless(what),
    remedy: `${harmless(remedy).replace(/\.$/, '')}; where it is meant so, write "// eslint-disable-next-line sluice/no-unbound" above it`,
    where: `${harmless(file)}:${line}`,
  };
}

function notRead(count: number, why: string, name: string, file?: string): Finding {
  return {
    code: 'CODE_NOT_READ',
    severity: 'note',
    what: `${counted(count, 'file')} that may hold an unbound library could not be read: ${why}`,
    remedy: `npm install --save-dev ${name}`,
    ...(file === undefined ? {} : { where: harmless(file) }),
  };
}
