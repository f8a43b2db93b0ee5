"""cpf.py - synthetic CPFs with right check digits, as many as a test wants."""

WELL_KNOWN = ["52998224725", "11144477735", "39053344705"]
used = set(WELL_KNOWN)  # every CPF that tests have handed out: none of them may show up in a log


def check_digit(digits):
    rest = sum(digit * (len(digits) + 1 - i) for i, digit in enumerate(digits)) * 10 % 11
    return rest % 10


def make(number):
    """The CPF of that number, from 0; two numbers below 899 million never have the same."""
    digits = [int(c) for c in f"{100_000_000 + number * 7919 % 899_999_981:09d}"]
    digits.append(check_digit(digits))
    digits.append(check_digit(digits))
    cpf = "".join(map(str, digits))
    if len(set(cpf)) == 1 or cpf == "12345678909":
        return make(number + 500_000_000)
    used.add(cpf)
    return cpf


def make_many(count, first=0):
    return [make(first + i) for i in range(count)]


def pretty(cpf):
    return f"{cpf[:3]}.{cpf[3:6]}.{cpf[6:9]}-{cpf[9:]}"


def score(cpf):
    return sum(int(digit) * i for i, digit in enumerate(cpf, 1)) % 1000


def answer(cpf):
    """The provider's body for it."""
    shown = pretty(cpf)
    return f'{{"cpf":"{shown}","score":{score(cpf)},"message":"O score de {shown} é {score(cpf)}"}}'.encode()
