#!/usr/bin/env node
try {
  // Loaded here: what a Node.js that is too old is refused with needs no stack.
  const { program } = await import('./program.ts');
  process.exitCode = await program(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
