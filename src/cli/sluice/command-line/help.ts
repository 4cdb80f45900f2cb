import { version } from '../../../core/index.ts';
import { wrapped } from '../terminal/text.ts';
import type { Command } from './command.ts';

/** How a command is called, in one line. */
export function usageOf({ name, positionals, options }: Command): string {
  const parts = Object.entries(options).map(([option, { value, isRequired }]) => {
    const text = `--${option}${value === undefined ? '' : ` ${value}`}`;
    return isRequired === true ? text : `[${text}]`;
  });
  return ['sluice', name, ...(positionals === undefined ? [] : [positionals.label]), ...parts].join(' ');
}

/** Of all commands. */
export function helpOf(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length)) + 4;
  const lines = commands.map(({ name, about }) =>
    wrapped(about, { indent: width + 2, first: `  ${name.padEnd(width)}` }),
  );
  return [
    `sluice ${version}`,
    '',
    'Usage:',
    ...commands.map((command) => wrapped(usageOf(command), { indent: 6, first: '  ' })),
    '',
    'Commands:',
    ...lines,
    '',
    'sluice <command> --help says more of one; --version prints the version.',
  ].join('\n');
}

/** Of one command. */
export function helpOfCommand(command: Command): string {
  const options = Object.entries({ ...command.options, help: { about: 'prints this' } } as Command['options']);
  const names = options.map(([name, { value }]) => `  --${name}${value === undefined ? '' : ` ${value}`}`);
  const width = Math.max(...names.map((name) => name.length)) + 2;
  return [
    `Usage:\n${wrapped(usageOf(command), { indent: 6, first: '  ' })}`,
    wrapped(`It ${command.about}.`),
    `Options:\n${options.map(([, { about }], at) => wrapped(about, { indent: width, first: names[at]?.padEnd(width) ?? '' })).join('\n')}`,
    ...(command.notes === undefined
      ? []
      : [
          command.notes
            .split('\n')
            .map((line) => wrapped(line))
            .join('\n'),
        ]),
  ].join('\n\n');
}
