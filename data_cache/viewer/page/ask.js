// What the page asks its own server for. Errors are sentences to show.

async function answered(request) {
  let response;
  try {
    response = await request;
  } catch {
    throw new Error("The viewer does not answer: was it stopped in the terminal?");
  }
  const values = await response.json();
  if (!response.ok) {
    const error = new Error(values.error);
    error.status = response.status;
    throw error;
  }
  return values;
}

// Values of `given` that are empty are left out of the address.
export function askFor(path, given = {}) {
  const named = Object.entries(given).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  const query = new URLSearchParams(named).toString();
  return answered(fetch(query ? `${path}?${query}` : path));
}

export function saveTo(path, values) {
  return answered(
    fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(values) }),
  );
}

export const pictureAddress = (row) => `api/frames/${row}/picture`;

// Why a picture did not show: what the server says, or else that the browser cannot read it.
export async function whyNoPicture(frame) {
  const undecoded = `${frame.path}: not a picture that a browser can show`;
  try {
    const response = await fetch(pictureAddress(frame.row));
    return response.ok ? undecoded : (await response.json()).error;
  } catch {
    return undecoded;
  }
}
