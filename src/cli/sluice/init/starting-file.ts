import { statSync } from 'node:fs';
import { join } from 'node:path';
import { databasePart, type Ground, groundOf, type Import, libraryPart, type Part } from './parts.ts';
import type { EngineName, FoundLibrary, FrameworkName, Project } from './project.ts';

/** A file that is to be written, and what its owner does next. */
export interface StartingFile {
  /** From the folder of the program. */
  readonly path: string;
  readonly text: string;
  readonly next: readonly string[];
}

const ofFrameworks: Record<FrameworkName, string> = {
  nestjs:
    'Import SluiceModule.forRoot({ database, closeOnShutdown: true }) of sluice/nestjs first in your root module, and call app.enableShutdownHooks(). Handles become providers with provideHandle (docs/nestjs.md).',
  fastify: 'Register it: await app.register(sluice(database, { shutdown: {} })) of sluice/fastify (docs/http.md).',
  express:
    'Put app.use(sluice(database)) of sluice/express before your routes, and end with shutdown(database, { server }) of sluice/http (docs/http.md).',
  hono: 'Put app.use(sluice(database)) of sluice/hono before your routes, and end with shutdown(database, { server }) of sluice/http (docs/http.md).',
};

export function startingFile(project: Project): StartingFile {
  const ground = groundOf(project);
  const carried = project.libraries.flatMap((library) => libraryPart(library, ground) ?? []);
  const usesPool = carried.some(({ code }) => code.includes('ambientPool('));
  const all = [databasePart(ground.engine, usesPool), ...carried];
  const name = project.language === 'typescript' ? 'database.ts' : 'database.js';
  return {
    path:
      statSync(join(project.folder, 'src'), { throwIfNoEntry: false })?.isDirectory() === true
        ? join('src', name)
        : name,
    text: textOf(project, all),
    next: nextOf(project, ground, all),
  };
}

function textOf(project: Project, all: readonly Part[]): string {
  const code = [...all.map((part) => part.code), ...closing(project, all)].filter(Boolean).join('\n\n');
  const imports = merged(all.flatMap((part) => part.imports));
  if (project.language === 'typescript')
    return `${imports.map(importOf).join('\n')}\n\n${code.replaceAll(/[‹›]/g, '')}\n`;
  const plain = code.replaceAll(/‹[^›]*›/g, '');
  if (project.modules === 'esm') return `${imports.map(importOf).join('\n')}\n\n${plain}\n`;
  return `'use strict';\n\n${imports.map(requireOf).join('\n')}\n\n${withoutExports(plain)}\n`;
}

/** What ends the program's part; an application of Nest ends the database itself, and with it the connections of handles. */
function closing({ framework }: Project, all: readonly Part[]): readonly string[] {
  if (framework === 'nestjs') return [];
  const lines = [...all.flatMap(({ close }) => close ?? []), 'await database.close();'].map((line) => `  ${line}`);
  return [
    `/** For the end of the program: without it the process does not exit. */
export async function closeDatabase()‹: Promise<void>› {
${lines.join('\n')}
}`,
  ];
}

/** One import for each module. */
function merged(imports: readonly Import[]): readonly Import[] {
  const names = new Map<string, Set<string>>();
  for (const each of imports) names.set(each.from, new Set([...(names.get(each.from) ?? []), ...each.names]));
  return [...names].map(([from, of]) => ({ from, names: [...of].sort() })).sort((a, b) => (a.from < b.from ? -1 : 1));
}

function importOf({ names, from }: Import): string {
  return `import { ${names.join(', ')} } from '${from}';`;
}

function requireOf({ names, from }: Import): string {
  return `const { ${names.join(', ')} } = require('${from}');`;
}

/** As CommonJS has it. */
function withoutExports(code: string): string {
  const names = [...code.matchAll(/^export (?:const|(?:async )?function) (\w+)/gm)].map(([, name]) => name);
  return `${code.replaceAll(/^export /gm, '')}\n\nmodule.exports = { ${names.join(', ')} };`;
}

const engineSteps: Record<EngineName, string> = {
  postgres: 'Set DATABASE_URL to your PostgreSQL.',
  mysql: 'Set DATABASE_URL to your MySQL or MariaDB.',
  sqlite: 'Set DATABASE_FILE to your file. Sluice uses the SQLite of Node.js (docs/engines.md).',
};

function nextOf(project: Project, ground: Ground, all: readonly Part[]): readonly string[] {
  const { packages, libraries, framework, engine } = project;
  const missing = new Set(all.flatMap(({ needs }) => needs).filter((name) => !packages.has(name)));
  return [
    ...(missing.size > 0 ? [`Install what is missing: npm install ${[...missing].join(' ')}`] : []),
    engine === undefined
      ? 'Set DATABASE_URL to your PostgreSQL. For MySQL install mysql2, delete the file and run this again.'
      : engineSteps[engine],
    ...libraries.flatMap((library) => (libraryPart(library, ground) === undefined ? [leftOut(library)] : [])),
    ...all.flatMap(({ next }) => next ?? []),
    ...(framework === undefined ? [] : [ofFrameworks[framework]]),
    'Put what belongs together below one call: await database.transaction(async () => { ... }).',
    `Read ${[...new Set(all.map(({ page }) => `docs/${page}.md`))].join(', ')} of the package.`,
  ];
}

function leftOut({ name, tooOld }: FoundLibrary): string {
  return tooOld === undefined
    ? `Sluice does not carry ${name} on this engine; it is not in the file.`
    : `Sluice works with ${name} from ${tooOld.needed} on, and ${tooOld.version} is here; it is not in the file.`;
}
