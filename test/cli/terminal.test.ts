import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { withoutSecrets, secretsOf } from '../../src/cli/sluice/servers/address.ts';
import { progressOn } from '../../src/cli/sluice/terminal/progress.ts';
import { duration, harmless, wrapped } from '../../src/cli/sluice/terminal/text.ts';
import { until } from '../support/settled.ts';

function streamOf(isTTY: boolean): { readonly stream: NodeJS.WriteStream; readonly written: () => string } {
  let text = '';
  const stream = { isTTY, columns: 20, write: (chunk: string) => ((text += chunk), true) };
  return { stream: stream as unknown as NodeJS.WriteStream, written: () => text };
}

describe('progress', () => {
  it('is one line of a terminal, cut to its width, and taken away at the end', () => {
    const { stream, written } = streamOf(true);
    const progress = progressOn(stream);
    progress.show('x'.repeat(50));
    progress.show('second');
    progress.clear();
    const clear = '\r\u001B[2K';
    expect(written()).toBe(`${clear}${'x'.repeat(19)}${clear}second${clear}`);
  });

  it('is nothing in a log', () => {
    const { stream, written } = streamOf(false);
    const progress = progressOn(stream);
    progress.show('first');
    progress.clear();
    expect(written()).toBe('');
  });
});

describe('texts', () => {
  it('are broken at spaces, and a word that is too long has its own line', () => {
    expect(wrapped('one two three', { width: 9, indent: 2, first: '* ' })).toBe('* one two\n  three');
    expect(wrapped(`a ${'b'.repeat(30)} c`, { width: 10 })).toBe(`a\n${'b'.repeat(30)}\nc`);
  });

  it.each([
    [350, '350 ms'],
    [12_400, '12 s'],
    [180_000, '3 min'],
    [18_000_000, '5 h'],
    [259_200_000, '3 days'],
  ])('%d is %s', (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });

  it('lose what a terminal would obey', () => {
    expect(harmless('a\u001B[31mb\nc\u202Ed')).toBe('a [31mb c d');
  });
});

describe('an interruption', () => {
  it('is told once, and ends the process where it comes again later', async () => {
    const { href } = new URL('../../src/cli/sluice/terminal/interruption.ts', import.meta.url);
    const program = `import { onInterruption } from '${href}';
      onInterruption((signal) => console.log(signal));
      setInterval(() => {}, 1_000);
      console.log('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(child, 'exit');
    await until('it listens', () => said.includes('ready'));
    child.kill('SIGTERM');
    await until('it was told', () => said.includes('SIGTERM'));
    // Those of the same time are the same one: it goes on, until one comes later.
    const again = setInterval(() => child.kill('SIGTERM'), 50);
    onTestFinished(() => clearInterval(again));
    const begin = performance.now();
    expect(await ended).toEqual([143, null]);
    expect(performance.now() - begin).toBeGreaterThan(400);
    expect(said.match(/SIGTERM/g)).toHaveLength(1);
  });
});

describe('secrets', () => {
  it.each([
    ['postgres://u:canary@h/db'],
    ['postgres://u:can%61ry@h/db'],
    ['postgres://u:canary:more@h,h2:5433/db'],
    ['postgres://h/db?user=u&password=canary'],
    ['mysql://u:canary@h/db'],
    ['redis://:canary@h'],
  ])('of %s are taken out of what others say', (url) => {
    const said = `login "canary" failed, canary:more, can%61ry`;
    const kept = withoutSecrets(said, secretsOf({ kind: 'postgres', url }));
    expect(kept).not.toBe(said);
    expect(kept.startsWith('login "***"') || url.includes('more')).toBe(true);
  });

  it('are none where there is no password', () => {
    expect(secretsOf({ kind: 'postgres', url: 'postgres://u@h/db' })).toEqual([]);
  });
});
