// Prices in one notation, `12¤`, whatever currency they were written in. More than one currency in a text needs a rate
// that nobody gave, so that text has no reading.
const signed = /([$€£¥])\s*(\d+(?:\.\d+)?)/g;
const named =
  /(\d+(?:\.\d+)?)[ -]?(dollars?|bucks|usd|euros?|eur|pounds?(?! (?:of|per))|gbp|rupees?|crowns|francs?)\b/g;
const inCents = /(\d+(?:\.\d+)?)(?: ?cents?| ?c| ?p| pence)\b/g;

export function markMoney(text: string): string | null {
  const currencies = new Set<string>();
  const whole = text
    .replaceAll(signed, (_, sign: string, amount: string) => {
      currencies.add(names[sign] ?? sign);
      return `${amount}¤`;
    })
    .replaceAll(named, (_, amount: string, name: string) => {
      currencies.add(names[name.replace(/s$/, "")] ?? name);
      return `${amount}¤`;
    });
  if (currencies.size > 1) return null;
  // All in cents, or all in what a hundred cents make.
  return whole.replaceAll(inCents, (_, amount: string) =>
    currencies.size === 0 ? `${amount}¤` : `${Number(amount) / 100}¤`,
  );
}

const names: Readonly<Record<string, string>> = {
  $: "dollar",
  "€": "euro",
  "£": "pound",
  buck: "dollar",
  usd: "dollar",
  eur: "euro",
  gbp: "pound",
};
