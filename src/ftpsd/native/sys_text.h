/* Writing numbers and dates as text, for sys_format.h: a listing prints six of them per file, and printf(3) would read
 * its format string again for each.
 *
 * Every function writes at `at`, returns where the next byte goes, and ends nothing with NUL. The caller has room. */
#ifndef FTPSD_SYS_TEXT_H
#define FTPSD_SYS_TEXT_H

#include <stdint.h>
#include <string.h>
#include <time.h>

#define TEXT_NUMBER 24                  /* bytes that a number may take */
#define TEXT_QUARTER 900                /* seconds; since 1980 every change of a zone's offset falls on a multiple */
#define TEXT_REGULAR 315532800          /* 1980-01-01 */

#define put_literal(at, text) ((char *)memcpy((at), (text), sizeof(text) - 1) + sizeof(text) - 1)

/* Inlined, so that the compiler knows the base and need not divide. */
__attribute__((always_inline)) static inline char *put_number(char *at, unsigned long long value, unsigned base)
{
    static const char digits[] = "0123456789ABCDEF";
    char reversed[TEXT_NUMBER];
    int count = 0;

    do {
        reversed[count++] = digits[value % base];
        value /= base;
    } while (value != 0);
    while (count > 0)
        *at++ = reversed[--count];
    return at;
}

static char *put_signed(char *at, long long value)
{
    if (value >= 0)
        return put_number(at, (unsigned long long)value, 10);
    *at++ = '-';
    return put_number(at, 0 - (unsigned long long)value, 10);
}

/* At the right end of `width` bytes. */
static char *put_right(char *at, const char *text, size_t size, size_t width)
{
    for (; width > size; width--)
        *at++ = ' ';
    memcpy(at, text, size);
    return at + size;
}

/* Two digits; `fill` stands for a leading zero. */
static char *put_two(char *at, int value, char fill)
{
    *at++ = value >= 10 ? (char)('0' + value / 10 % 10) : fill;
    *at++ = (char)('0' + value % 10);
    return at;
}

static char *put_year(char *at, int year)
{
    if (year < 0 || year > 9999)
        return put_signed(at, year);
    return put_two(put_two(at, year / 100, '0'), year % 100, '0');
}

/* ---- dates ---------------------------------------------------------------------------------------------- */

/* What was worked out for the file before: many files of a directory are about as old. Zeroed at first. */
struct text_clock {
    int known;                          /* `parts` is `second`, converted */
    time_t second;
    struct tm parts;
    int offset_known;                   /* the zone's offset from UTC in the `quarter` */
    time_t quarter;
    long offset;
};

/* The Gregorian date of a moment (UTC), by counting days in eras of 400 years that begin on a first of March. */
static void text_civil(time_t when, struct tm *parts)
{
    long long days = when / 86400, seconds = when % 86400, era, year;
    unsigned of_era, of_year, month;

    if (seconds < 0) {
        seconds += 86400;
        days--;
    }
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    of_era = (unsigned)(days - era * 146097);
    year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (unsigned)(365 * year + year / 4 - year / 100);
    month = (5 * of_year + 2) / 153;
    parts->tm_mday = (int)(of_year - (153 * month + 2) / 5 + 1);
    parts->tm_mon = month < 10 ? (int)month + 2 : (int)month - 10;
    parts->tm_year = (int)(year + era * 400 + (parts->tm_mon < 2) - 1900);
    parts->tm_hour = (int)(seconds / 3600);
    parts->tm_min = (int)(seconds / 60 % 60);
    parts->tm_sec = (int)(seconds % 60);
}

static int text_printable(time_t when)
{
    return when > -62135596800LL && when < 253402300800LL;     /* years 1 to 9999 */
}

static const struct tm *text_utc(struct text_clock *clock, time_t when)
{
    if (clock->known && clock->second == when)
        return &clock->parts;
    text_civil(text_printable(when) ? when : 0, &clock->parts);
    clock->second = when;
    clock->known = 1;
    return &clock->parts;
}

static const struct tm *text_local(struct text_clock *clock, time_t when)
{
    if (clock->known && clock->second == when)
        return &clock->parts;
    clock->second = when;
    clock->known = 1;
    if (when < TEXT_REGULAR || !text_printable(when)) {
        time_t shown = text_printable(when) ? when : 0;
        localtime_r(&shown, &clock->parts);
        return &clock->parts;
    }
    if (!clock->offset_known || clock->quarter != when / TEXT_QUARTER) {
        localtime_r(&when, &clock->parts);
        clock->offset_known = 1;
        clock->quarter = when / TEXT_QUARTER;
        clock->offset = clock->parts.tm_gmtoff;
        return &clock->parts;
    }
    text_civil(when + clock->offset, &clock->parts);
    return &clock->parts;
}

#endif
