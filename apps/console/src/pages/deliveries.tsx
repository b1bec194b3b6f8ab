export function Page() {
  return <h1>deliveries</h1>;
}
