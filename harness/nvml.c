#include "backend.h"

#include <dlfcn.h>
#include <stdio.h>

/* The few calls used of libnvidia-ml.so.1, which comes with the driver. */
enum { CLOCK_SM = 1 };

static bool find(void *library, const char *name, void *pointer)
{
    void *symbol = dlsym(library, name);
    memcpy(pointer, &symbol, sizeof symbol);
    return symbol != NULL;
}

void nvml_machine(const char *bus, struct machine *machine)
{
    int (*init)(void), (*by_bus)(const char *, void **), (*driver)(char *, unsigned);
    int (*clock_now)(void *, int, unsigned *), (*clock_max)(void *, int, unsigned *);
    int (*power_cap)(void *, unsigned *);
    void *device, *library = dlopen("libnvidia-ml.so.1", RTLD_LAZY);
    unsigned value;

    if (!library || !find(library, "nvmlInit_v2", &init) ||
        !find(library, "nvmlDeviceGetHandleByPciBusId_v2", &by_bus) || init() ||
        by_bus(bus, &device))
        return;
    if (find(library, "nvmlSystemGetDriverVersion", &driver))
        driver(machine->driver, sizeof machine->driver);
    if (find(library, "nvmlDeviceGetClockInfo", &clock_now) && !clock_now(device, CLOCK_SM, &value))
        machine->clock_mhz = (int)value;
    if (find(library, "nvmlDeviceGetMaxClockInfo", &clock_max) &&
        !clock_max(device, CLOCK_SM, &value))
        machine->clock_max_mhz = (int)value;
    if (find(library, "nvmlDeviceGetEnforcedPowerLimit", &power_cap) && !power_cap(device, &value))
        machine->power_cap_w = (int)(value / 1000);
}
