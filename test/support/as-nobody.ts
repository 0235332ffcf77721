/** Runs as a user who may not do everything: root passes every check of a file's mode. Only in serial tests, since it holds for the process. */
export const asNobody = async (run: () => Promise<void>): Promise<void> => {
  if (process.getuid?.() !== 0) return run();
  process.seteuid?.(65534);
  try {
    await run();
  } finally {
    process.seteuid?.(0);
  }
};
