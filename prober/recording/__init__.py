"""What a person did in a browser, made a journey of: text in, text out.

`script` reads what Playwright's codegen wrote, `action` tells what each statement of it does,
`steps` puts what belongs together into steps, `secrets` finds what must not stand in a file,
`places` and `locators` judge addresses and locators, and `conversion` writes the journey.
"""
