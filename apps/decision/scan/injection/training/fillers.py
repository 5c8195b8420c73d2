"""What examples are filled in with, so that nobody's name, address or amount is learned."""

import random
import re

_SLOT = re.compile(r"\{(\w+)\}")

FILLERS: dict[str, tuple[str, ...]] = {
    "name": ("Amira", "Tom Baker", "Lena Vogt", "Chidi", "Mr. Osei", "Priya Nair", "Jonas", "Sofia Ruiz", "Kenji", "Dr. Hall", "Olga", "Marek", "Bea"),
    "email": ("kay.lind@mail.example", "r.moss@corp.example", "info@northwind.example", "zed99@inbox.example", "helen@shop.example.org", "ops-team@firm.example.net", "j.ward@post.example.com"),
    "money": ("$250", "1,200 USD", "75 EUR", "$4,999.00", "0.5 BTC", "£300", "2000 dollars", "15 ETH", "¥50,000"),
    "account": ("GB29NWBK60161331926819", "account 4471-2230", "IBAN DE02120300000000202051", "wallet 0x4f3cA9", "account number 99812", "payee P-7781", "the card ending in 1881"),
    "file": ("report_q3.pdf", "'Budget 2031'", "notes/todo.md", "contract_final.docx", "the 'Private' folder", "backup.zip", "invoice-221.pdf", "'Team photos'", "customers.csv"),
    "url": ("https://files.example/drop", "http://promo.example.net/win", "www.shop-now.example", "https://track.example.org/r?u=1", "https://forms.example/k2"),
    "date": ("May 14th", "2031-04-02", "next Tuesday", "tomorrow at 9:00", "15 June", "Friday evening", "7 pm"),
    "id": ("#4821", "ID 77-204", "ticket 990", "order 55123", "device_42", "'rec-118'", "case 3087", "profile 6"),
    "channel": ("#general", "the 'random' channel", "#eng-alerts", "the family group", "channel C042"),
    "place": ("Lisbon", "Room 4", "12 Hill Road, Leeds", "Osaka", "the Grand Hotel", "gate B7", "Nairobi"),
    "product": ("the X200 laptop", "ten gift cards", "a blue kettle", "the premium plan", "two concert tickets", "the ZenDesk chair"),
    "device": ("the front door", "the garage", "the thermostat", "the living room camera", "the alarm system", "the router"),
    "host": ("db-3", "prod-eu-1", "the staging cluster", "node 12", "web01"),
    "pkg": ("left-widget", "fastgraph", "libquux", "mini-cache", "torch-lite"),
    "n": ("3", "12", "45", "200", "7"),
    "thing": ("the garden", "our offices", "the new museum", "a short trip", "this recipe", "the workshop", "the team"),
}  # fmt: skip


def filled(template: str, dice: random.Random) -> str:
    """The template with its slots filled; braces that are no slots stay."""
    return _SLOT.sub(lambda slot: dice.choice(FILLERS[slot[1]]) if slot[1] in FILLERS else slot[0], template)
