// journeys/checkout.py as a test of Playwright's own runner; run.py says when it takes part.
const { expect, test } = require('@playwright/test');

test('checkout', async ({ page }) => {
  const total = page.getByLabel('Total', { exact: true });
  const pay = page.getByRole('button', { name: 'Pay' });
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Products' })).toBeVisible();
  await page.getByRole('link', { name: 'Sign in' }).click();
  await page.getByLabel('User name').fill(process.env.SHOP_USER);
  await page.getByLabel('Password').fill(process.env.SHOP_PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('Hello, ')).toBeVisible();
  const item = page.getByRole('listitem').filter({ hasText: 'Quiet valley' });
  const price = await item.getByText('€').innerText();
  await item.getByRole('button', { name: 'Add to cart' }).click();
  await expect(page.getByRole('heading', { name: 'Your cart' })).toBeVisible();
  await expect(item.getByText('€')).toHaveText(price);
  await expect(total).toHaveText(price);
  await page.getByRole('link', { name: 'Check out' }).click();
  await expect(page.getByRole('heading', { name: 'Checkout' })).toBeVisible();
  await page.getByLabel('Full name').fill('Synthetic Customer');
  await page.getByLabel('Delivery address').fill('1 Test Street');
  await expect(pay).toBeVisible();
  await pay.click();
  await expect(page.getByRole('heading', { name: 'Thank you' })).toBeVisible();
  await expect(page.getByText(/order number is R-\d+/)).toBeVisible();
  await expect(total).toHaveText(price);
});
