"""First days of 2015 to 2030 by hijridate 2.6 (Umm al-Qura): python hijri.py > hijri.csv"""
from hijridate import Hijri
print("event,date")
for name, month, day in (("muharram", 1, 1), ("mawlid", 3, 12), ("ramadan", 9, 1), ("eid_al_fitr", 10, 1), ("eid_al_adha", 12, 10)):
    for year in range(1436, 1453):
        date = Hijri(year, month, day).to_gregorian()
        if 2015 <= date.year <= 2030:
            print(f"{name},{date.isoformat()}")
