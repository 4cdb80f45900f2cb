import { spawn, type ChildProcess } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../src/cli/sluice/main.ts', import.meta.url));

/** What a run of the command has said, and its exit code; of one that was killed there is none. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  /** Replaces what the tests have of the same name; `undefined` takes it away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Starts the command as its users do. */
export function startSluice(
  args: readonly string[],
  { cwd, env = {} }: RunOptions = {},
): { readonly child: ChildProcess; readonly run: Promise<Run> } {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: { ...process.env, DATABASE_URL: undefined, REDIS_URL: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('exit', resolve));
  const run = Promise.all([ended, text(child.stdout), text(child.stderr)]).then(([code, stdout, stderr]) => ({
    code,
    stdout,
    stderr,
  }));
  return { child, run };
}

export async function sluice(args: readonly string[], options?: RunOptions): Promise<Run> {
  return await startSluice(args, options).run;
}
