#!/usr/bin/env python3
"""Writes physics.csv: what pvlib 0.16 and windpowerlib 0.2.2 answer, for the unit tests of engine/src/domain/{solar,pv,wind}.rs.

    python3 -m venv venv && venv/bin/pip install pvlib==0.16.0 windpowerlib==0.2.2 && venv/bin/python physics.py > physics.csv

One row per call: name, expected value, arguments.
"""
import itertools, warnings
import numpy as np, pandas as pd, pvlib, windpowerlib
from pvlib import atmosphere, clearsky, iam, inverter, irradiance, pvsystem, solarposition, temperature
from windpowerlib import density, power_curves, power_output, wind_speed
from windpowerlib import temperature as air

warnings.simplefilter("ignore")
rows = []


def add(name, expected, *arguments):
    expected = float(np.asarray(expected).reshape(-1)[0])
    if np.isfinite(expected):
        rows.append([name, repr(expected)] + [str(a) if isinstance(a, str) else repr(float(a)) for a in arguments])


PLACES = [(33.6, -7.6), (23.7, -15.9), (35.6, -5.4), (51.5, 0.0), (-33.9, 151.2), (64.1, -21.9), (0.0, 100.0)]
TIMES = ["1995-03-20T06:12:00Z", "2008-12-21T12:00:00Z", "2013-02-01T05:30:00Z", "2020-06-21T18:45:00Z", "2026-11-22T09:00:00Z",
         "2026-11-22T17:20:00Z", "2040-08-15T13:13:13Z"]
for (latitude, longitude), time in itertools.product(PLACES, TIMES):
    sun = solarposition.spa_python(pd.DatetimeIndex([time]), latitude, longitude, delta_t=None, temperature=12, pressure=101325)
    add("zenith", sun.zenith, latitude, longitude, time)
    add("azimuth", sun.azimuth, latitude, longitude, time)
    add("apparent_zenith_at", sun.apparent_zenith, latitude, longitude, time)
for zenith in [0, 30, 60, 80, 85, 88, 89.5, 90.3]:
    for pressure, warmth in [(101325, 12), (85000, -5)]:
        elevation = 90.0 - zenith
        bent = pvlib.spa.atmospheric_refraction_correction(pressure / 100, warmth, elevation, 0.5667)
        add("apparent_zenith", zenith - bent, zenith, pressure, warmth)
for day in [1, 80, 172, 266, 355, 366]:
    add("extraterrestrial_normal", irradiance.get_extra_radiation(day), day)
ZENITHS = [0.5, 20, 45, 60, 75, 84, 86.9, 88, 89.9, 95]
for zenith in ZENITHS:
    frame = clearsky.haurwitz(pd.Series([float(zenith)]))
    add("haurwitz", frame.ghi, zenith)
    add("relative_airmass", atmosphere.get_relative_airmass(zenith), zenith)
for altitude in [0, 350, 2100]:
    add("pressure_at", atmosphere.alt2pres(altitude), altitude)
    for zenith, turbidity in itertools.product(ZENITHS, [1.5, 3.2, 6.5]):
        absolute = atmosphere.get_absolute_airmass(atmosphere.get_relative_airmass(zenith), atmosphere.alt2pres(altitude))
        sky = clearsky.ineichen(np.array([float(zenith)]), absolute, turbidity, altitude, 1380.0)
        for part in ["ghi", "dni", "dhi"]:
            add(f"ineichen_{part}", sky[part], zenith, 0 if np.isnan(absolute) else absolute, turbidity, altitude, 1380.0)
for zenith, ghi in itertools.product([10, 40, 65, 80, 86.5, 87.5], [0, 5, 60, 250, 500, 800, 1050]):
    sky = irradiance.erbs(np.array([float(ghi)]), np.array([float(zenith)]), 140)
    add("erbs_dni", sky["dni"], ghi, zenith, irradiance.get_extra_radiation(140))
    add("erbs_dhi", sky["dhi"], ghi, zenith, irradiance.get_extra_radiation(140))
    for pressure in [101325, 90000]:
        add("disc", irradiance.disc(np.array([float(ghi)]), np.array([float(zenith)]), 140, pressure)["dni"], ghi, zenith, 140, pressure)
LIGHT = [(0, 0), (0, 80), (50, 120), (300, 250), (500, 180), (700, 120), (850, 70), (950, 40), (900, 20)]
for (tilt, facing), (zenith, azimuth), (dni, dhi) in itertools.product(
        [(0, 180), (30, 180), (25, 0), (90, 90)], [(15, 170), (50, 120), (80, 250), (87, 300)], LIGHT):
    extra, airmass = 1350.0, atmosphere.get_relative_airmass(zenith)
    place = (tilt, facing, zenith, azimuth)
    ghi = dhi + dni * np.cos(np.radians(zenith))
    isotropic = irradiance.isotropic(tilt, dhi)
    perez = irradiance.perez(tilt, facing, np.array([float(dhi)]), np.array([float(dni)]), extra, zenith, azimuth, airmass)
    add("hay_davies", irradiance.haydavies(tilt, facing, dhi, dni, extra, zenith, azimuth), *place, dni, dhi, extra)
    add("perez", perez, *place, dni, dhi, extra, airmass)
    ground = irradiance.get_ground_diffuse(tilt, ghi, 0.2)
    aoi = irradiance.aoi(tilt, facing, zenith, azimuth)
    add("poa_perez", irradiance.poa_components(aoi, dni, perez, ground)["poa_global"], *place, dni, dhi, extra, airmass)
    if dhi == 250:
        add("incidence", aoi, *place)
        add("isotropic", isotropic, tilt, dhi)
        add("ground", ground, tilt, ghi, 0.2)
for aoi in [0, 20, 45, 60, 75, 85, 89, 90, 100]:
    add("glass", iam.physical(aoi), aoi)
MOUNTS = ["open_rack_glass_glass", "open_rack_glass_polymer", "close_mount_glass_glass", "insulated_back_glass_polymer"]
for light, warmth, wind in itertools.product([0, 200, 900, 1150], [-5, 25, 42], [0, 3.5, 12]):
    add("faiman", temperature.faiman(light, warmth, wind), light, warmth, wind)
    for mount in MOUNTS:
        parameters = temperature.TEMPERATURE_MODEL_PARAMETERS["sapm"][mount]
        add("sapm_cell", temperature.sapm_cell(light, warmth, wind, **parameters), light, warmth, wind, MOUNTS.index(mount))
for light, warmth in itertools.product([0, 3, 150, 800, 1250], [-5, 25, 61]):
    direct = pvsystem.pvwatts_dc(light, warmth, 5000.0, -0.0041)
    add("pvwatts_dc", direct, light, warmth, 5000.0, -0.0041)
    add("pvwatts_ac", inverter.pvwatts(np.array([float(direct)]), 4200.0), direct, 4200.0)
for speed, height, hub in itertools.product([0.4, 6.2, 14.0], [10, 100], [80, 135]):
    add("log_profile", wind_speed.logarithmic_profile(speed, height, hub, 0.15), speed, height, hub, 0.15, 0)
    add("log_profile", wind_speed.logarithmic_profile(speed, height, hub, 0.15, 5.0), speed, height, hub, 0.15, 5)
    add("hellmann", wind_speed.hellman(speed, height, hub), speed, height, hub)
    add("hellmann_rough", wind_speed.hellman(speed, height, hub, 0.15), speed, height, hub, 0.15)
for pressure, warmth in itertools.product([93000, 101325], [263.15, 288.15, 313.15]):
    add("density", density.ideal_gas(pressure, 0, 100, warmth), pressure, 0, 100, warmth)
    add("density_barometric", density.barometric(pressure, 2, 80, warmth), pressure, 2, 80, warmth)
    add("temperature_at", air.linear_gradient(warmth, 2, 100), warmth, 2, 100)
speeds = np.arange(0, 25.5, 0.5)
values = np.where((speeds >= 3) & (speeds < 12), (speeds**3 - 27) / (12**3 - 27), np.where((speeds >= 12) & (speeds <= 25), 1.0, 0.0))
for speed in [0, 2.9, 3.2, 7.77, 11.9, 12, 20.1, 25, 25.1, 30]:
    add("power", power_output.power_curve(np.array([float(speed)]), speeds, values), speed)
    for rho in [0.95, 1.225, 1.32]:
        add("power_at", power_output.power_curve(np.array([float(speed)]), speeds, values, np.array([rho]), True), speed, rho)
for method, intensity, share, floor in [("turbulence_intensity", 0.12, 0.12, 0.0), ("Staffell_Pfenninger", None, 0.2, 0.6)]:
    curve = power_curves.smooth_power_curve(pd.Series(speeds), pd.Series(values), standard_deviation_method=method,
                                            **({"turbulence_intensity": intensity} if intensity else {}))
    for i in range(0, len(curve), 3):
        add("smoothed", curve["value"][i], share, floor, curve["wind_speed"][i])

print(f"# pvlib {pvlib.__version__}, windpowerlib {windpowerlib.__version__}; made by physics.py")
for row in rows:
    print(",".join(row))
