/** The version of the package, as package.json has it: a test holds the one to the other. */
export const version = '0.1.0';

/** The web address of the repository, as package.json has it; none as long as the owner has not given it there. */
export const repository: string | undefined = undefined;
