import { statSync } from 'node:fs';
import { join } from 'node:path';
import { databasePart, type Import, libraryPart, type Part } from './parts.ts';
import type { FrameworkName, Project } from './project.ts';

/** A file that is to be written, and what its owner does next. */
export interface StartingFile {
  /** From the folder of the program. */
  readonly path: string;
  readonly text: string;
  readonly next: readonly string[];
}

const ofFrameworks: Record<FrameworkName, string> = {
  nestjs:
    'Import SluiceModule.forRoot({ database }) of sluice/nestjs into your root module, and call app.enableShutdownHooks() (docs/nestjs.md).',
  fastify: 'Register it: await app.register(sluice(database, { shutdown: {} })) of sluice/fastify (docs/http.md).',
  express:
    'Put app.use(sluice(database)) of sluice/express before your routes, and end with shutdown(database, { server }) of sluice/http (docs/http.md).',
  hono: 'Put app.use(sluice(database)) of sluice/hono before your routes, and end with shutdown(database, { server }) of sluice/http (docs/http.md).',
};

export function startingFile(project: Project): StartingFile {
  const library = libraryPart(project);
  const usesPool = library?.code.includes('ambientPool(') === true;
  const all = [databasePart(project.engine, usesPool), ...(library === undefined ? [] : [library])];
  const name = project.language === 'typescript' ? 'database.ts' : 'database.js';
  return {
    path:
      statSync(join(project.folder, 'src'), { throwIfNoEntry: false })?.isDirectory() === true
        ? join('src', name)
        : name,
    text: textOf(project, all),
    next: nextOf(project, all),
  };
}

function textOf(project: Project, all: readonly Part[]): string {
  const closing = [...all.flatMap(({ close }) => close ?? []), 'await database.close();'].map((line) => `  ${line}`);
  const close = `/** For the end of the program: without it the process does not exit. */
export async function closeDatabase()‹: Promise<void>› {
${closing.join('\n')}
}`;
  const code = [...all.map((part) => part.code), close].join('\n\n');
  const imports = all.flatMap((part) => part.imports).sort((a, b) => (a.from < b.from ? -1 : 1));
  if (project.language === 'typescript')
    return `${imports.map(importOf).join('\n')}\n\n${code.replaceAll(/[‹›]/g, '')}\n`;
  const plain = code.replaceAll(/‹[^›]*›/g, '');
  if (project.modules === 'esm') return `${imports.map(importOf).join('\n')}\n\n${plain}\n`;
  return `'use strict';\n\n${imports.map(requireOf).join('\n')}\n\n${withoutExports(plain)}\n`;
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

function nextOf(project: Project, all: readonly Part[]): readonly string[] {
  const { packages, library, framework, engine } = project;
  const missing = all.flatMap(({ needs }) => needs).filter((name) => !packages.has(name));
  const isCarried = library === undefined || all.length > 1;
  return [
    ...(missing.length > 0 ? [`Install what is missing: npm install ${missing.join(' ')}`] : []),
    `Set DATABASE_URL to your ${engine === 'postgres' ? 'PostgreSQL' : 'MySQL or MariaDB'}.`,
    ...all.flatMap(({ next }) => next ?? []),
    ...(isCarried ? [] : [`Sluice does not carry ${library} on this engine; the file has the database alone.`]),
    ...(framework === undefined ? [] : [ofFrameworks[framework]]),
    'Put what belongs together below one call: await database.transaction(async () => { ... }).',
    `Read ${all.map(({ page }) => `docs/${page}.md`).join(' and ')} of the package.`,
  ];
}
