import { SluiceError, version } from '../../core/index.ts';
import { UsageError } from './command-line/command.ts';
import { helpOf, helpOfCommand, usageOf } from './command-line/help.ts';
import { readArguments } from './command-line/read-arguments.ts';
import { commands } from './commands.ts';
import { wrapped } from './terminal/text.ts';

/** Runs the program, and says what goes wrong. @returns the exit code */
export async function program(args: readonly string[]): Promise<number> {
  try {
    return await carryOut(args);
  } catch (error) {
    return tell(error);
  }
}

async function carryOut(args: readonly string[]): Promise<number> {
  const request = readArguments(args, commands);
  switch (request.type) {
    case 'version':
      console.log(version);
      return 0;
    case 'help':
      console.log(request.command === undefined ? helpOf(commands) : helpOfCommand(request.command));
      return 0;
    case 'run':
      try {
        return await request.command.run(request.given);
      } catch (error) {
        if (error instanceof UsageError) throw new UsageError(error.message, request.command);
        throw error;
      }
  }
}

function tell(error: unknown): number {
  if (error instanceof UsageError) {
    const { message, command } = error;
    const usage = (command === undefined ? commands : [command]).map(usageOf);
    const lines = usage.map((each) => wrapped(each, { indent: 6, first: '  ' }));
    console.error(`${message}\nUsage:\n${lines.join('\n')}`);
    return 2;
  }
  console.error(error instanceof SluiceError ? error.message : error);
  return 1;
}
