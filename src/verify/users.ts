/** Numbers of users that a system has made for people. */
const FIRST_USER = 1000;
const NOBODY = 65534;

/** Whether an owner is a person's account on some machine, and not one that every system has or a number alone. */
export function isUser(id: number, name: string): boolean {
  return id >= FIRST_USER && id !== NOBODY && name !== '' && name !== 'root';
}
