import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { InitFailure, type Project, readProject } from './project.ts';
import { startingFile } from './starting-file.ts';

/** How a starting file is asked for. */
export interface InitOptions {
  /** The folder of the program. */
  readonly dir: string;
  /** Prints the file, and writes nothing. */
  readonly dryRun: boolean;
}

/** Writes a starting file for a program, and says what to do next. @returns the exit code */
export function init({ dir, dryRun }: InitOptions): number {
  try {
    const project = readProject(resolve(dir));
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

function describe({ language, modules, engine, library, framework }: Project): string {
  const form =
    language === 'typescript' ? 'TypeScript' : `JavaScript (${modules === 'esm' ? 'ES modules' : 'CommonJS'})`;
  return [form, engine === 'postgres' ? 'PostgreSQL' : 'MySQL', library, framework]
    .filter((each) => each !== undefined)
    .join(', ');
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
