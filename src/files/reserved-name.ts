// Names that Windows gives to devices, or cannot keep. They are refused on every system, so that a configuration can move.

const DEVICE =
  /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|COM[0-9\u00b9\u00b2\u00b3]|LPT[0-9\u00b9\u00b2\u00b3])[ ]*(?:\.|$)/i;

/** With an extension too (`NUL.key`), and those that end in a dot or a blank, which Windows cuts off. */
export function isReservedName(name: string): boolean {
  return DEVICE.test(name) || /[. ]$/.test(name);
}
