/** Surroundings in which Nix has a store and a database of its own in this directory. */
export function nixEnvironment(directory: string): NodeJS.ProcessEnv {
  const own = ['NIX_STORE_DIR', 'NIX_STATE_DIR', 'NIX_LOG_DIR', 'NIX_CONF_DIR', 'HOME'];
  return { ...process.env, ...Object.fromEntries(own.map((name) => [name, directory])), NIX_REMOTE: 'local' };
}
