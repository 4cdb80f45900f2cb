import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InitFailure, type Project, readProject } from './project.ts';
import { startingFile } from './starting-file.ts';

/** How a starting file is asked for. */
export interface InitOptions {
  /** The folder of the program. Default: this one, unless it is the root of a workspace. */
  readonly dir?: string | undefined;
  /** Prints the file, and writes nothing. */
  readonly dryRun: boolean;
}

/** Writes a starting file for a program, and says what to do next. @returns the exit code */
export function init({ dir, dryRun }: InitOptions): number {
  try {
    const project = readProject(resolve(dir ?? '.'));
    if (dir === undefined && project.isWorkspaceRoot) throw ofWorkspace(project);
    const { path, text, next } = startingFile(project);
    console.log(`Found ${describe(project)}.`);
    if (dryRun) console.log(`Would write ${path}:\n\n${text}`);
    else {
      write(join(project.folder, path), path, text);
      console.log(`Wrote ${path}.\n`);
    }
    console.log(`Next:\n${next.map((step, index) => `  ${index + 1}. ${step}`).join('\n')}`);
    return 0;
  } catch (error) {
    if (!(error instanceof InitFailure)) throw error;
    console.error(error.message);
    return 1;
  }
}

function ofWorkspace({ folder }: Project): InitFailure {
  return new InitFailure(
    `${folder} is the root of a workspace. Give the folder of the package that uses the database: --dir packages/<name>, or --dir . for this one.`,
  );
}

const engineNames = { postgres: 'PostgreSQL', mysql: 'MySQL', sqlite: 'SQLite' } as const;

function describe({ language, modules, engine, libraries, framework }: Project): string {
  const form =
    language === 'typescript' ? 'TypeScript' : `JavaScript (${modules === 'esm' ? 'ES modules' : 'CommonJS'})`;
  const found = [
    form,
    engine === undefined ? 'no driver (PostgreSQL is assumed)' : engineNames[engine],
    ...libraries.map(({ name }) => name),
    framework,
  ];
  return found.filter((each) => each !== undefined).join(', ');
}

/** Never over a file that is there. @throws InitFailure */
function write(file: string, path: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new InitFailure(
      code === 'EEXIST'
        ? `${path} is there already, and was left as it is. Print the file with --dry-run.`
        : `${path} cannot be written (${code}). Print the file with --dry-run.`,
    );
  }
}
