/* What the command line asks for, word by word. */
#include "kernel.h"

enum { LOADED_BY_MULTIBOOT = 0x2badb002, HAS_COMMAND_LINE = 1 << 2, PINGS = 4 };

struct nic nic;

static void echo(struct tcp *t)
{
    static u8 data[TCP_BUFFER];
    tcp_read(t, data, tcp_write(t, t->rcv_buf, t->rcv_len));    /* as much as there is room for */
    if (t->state == CLOSE_WAIT && tcp_at_end(t))
        tcp_close(t);
}

void net_poll(void)
{
    static u8 frame[FRAME_MAX + 2];
    const struct eth *eth = (const struct eth *)frame;
    for (u32 size; (size = nic.receive(frame)) != 0;) {
        if (size < sizeof *eth || (memcmp(eth->to, nic.mac, 6) && memcmp(eth->to, broadcast, 6)))
            continue;
        if (eth->type == htons(TYPE_IP))
            ip_input(eth, size - sizeof *eth);
        else if (eth->type == htons(TYPE_ARP))
            arp_input(eth, size - sizeof *eth);
    }
    for (struct tcp *t = NULL; tcp_listening && (t = tcp_next(t));)
        if (t->local_port == tcp_listening)
            echo(t);
    dhcp_tick();
    arp_tick();
    tcp_tick();
    asm volatile("hlt");                                    /* until the next millisecond */
}

static void do_ping(const char *name)
{
    u32 ip, answered = 0;
    if (!dns_resolve(name, &ip)) {
        print("ping %s: no such host\n", name);
        return;
    }
    for (u32 sequence = 1; sequence <= PINGS; sequence++) {
        u32 start = ticks;
        if (ping(ip, sequence, 2000))
            print("ping %I: reply %u after %u ms\n", ip, sequence, ticks - start), answered++;
    }
    print("ping %I: %u of %u answered\n", ip, answered, PINGS);
}

static void do_dns(const char *name)
{
    u32 ip;
    if (dns_resolve(name, &ip))
        print("dns %s is %I\n", name, ip);
    else
        print("dns %s: no answer\n", name);
}

static u32 crc32(u32 crc, const u8 *data, u32 size)
{
    while (size--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return crc;
}

static void write_all(struct tcp *t, const char *text)
{
    for (u32 size = strlen(text); size && t->state != CLOSED; net_poll()) {
        u32 done = tcp_write(t, text, size);
        text += done, size -= done;
    }
}

static void fetch(struct tcp *t, const char *host, const char *path)
{
    static u8 data[TCP_BUFFER];
    u32 size, total = 0, crc = ~0u, ending = 0;             /* ending: how much of CR LF CR LF has come */
    write_all(t, "GET /"), write_all(t, path), write_all(t, " HTTP/1.0\r\nHost: "), write_all(t, host);
    write_all(t, "\r\nConnection: close\r\n\r\n");
    while (!tcp_at_end(t)) {
        size = tcp_read(t, data, sizeof data);
        u32 at = 0;
        for (; at < size && ending < 4; at++)
            ending = data[at] == "\r\n\r\n"[ending] ? ending + 1 : data[at] == '\r';
        total += size - at;
        crc = crc32(crc, data + at, size - at);
        net_poll();
    }
    tcp_close(t);
    while (t->state != CLOSED && t->state != TIME_WAIT)
        net_poll();
    if (t->error || ending < 4)
        print("get: %s\n", t->error ? t->error : "no header");
    else
        print("get: %u bytes, crc32 %x\n", total, ~crc);
}

static void do_get(char *url)
{
    char *host = url + (memcmp(url, "http://", 7) ? 0 : 7), *port = host, *path;
    u32 ip, number = 80;
    while (*port && *port != ':' && *port != '/')
        port++;
    const char *at = port + 1;
    if (*port == ':')
        number = parse_number(&at), path = (char *)at;
    else
        path = port;
    bool has_path = *path == '/';
    *port = '\0';
    if (!dns_resolve(host, &ip)) {
        print("get: no such host\n");
        return;
    }
    struct tcp *t = tcp_connect(ip, number);
    if (!t)
        return;
    while (t->state == SYN_SENT || t->state == SYN_RCVD)
        net_poll();
    if (t->state == CLOSED)
        print("get: %s\n", t->error);
    else
        fetch(t, host, has_path ? path + 1 : "");
    t->in_use = false;
}

static void do_echo(const char *port)
{
    tcp_listening = parse_number(&port);
    print("echo: port %u\n", tcp_listening);
    bool had_one = false, has_one;
    do {                                                    /* until one has come and gone */
        net_poll();
        has_one = false;
        for (struct tcp *t = NULL; (t = tcp_next(t));)
            has_one |= t->local_port == tcp_listening && t->state >= ESTABLISHED && t->state != TIME_WAIT;
        had_one |= has_one;
    } while (has_one || !had_one);
    print("echo: done\n");
}

static void power_off(void)
{
    print("power off\n");
    while (!(inb(0x3f8 + 5) & 0x40))                        /* until the last byte has left the UART */
        ;
    for (const char *s = "Shutdown"; *s; s++)               /* Bochs's own way; QEMU has none here */
        outb(0x8900, *s);
}

static bool find_nic(const char *wanted)
{
    if (wanted && !memcmp(wanted, "ne2k,", 5)) {
        wanted += 5;
        return ne2k_init(parse_number(&wanted));
    }
    return e1000_init() || ne2k_init(0) || ne2k_init(0x300);
}

static char *next_word(char **line)
{
    char *word = *line;
    while (*word == ' ')
        word++;
    char *end = word;
    while (*end && *end != ' ')
        end++;
    *line = end + !!*end;
    *end = '\0';
    return word;
}

static bool is_file(const char *word)                       /* loaders begin with the kernel's name */
{
    while (*word && *word != '=' && *word != '.' && *word != '/')
        word++;
    return *word == '.' || *word == '/';
}

static void do_word(char *word)
{
    const char *value;
    if ((value = after(word, "ping")))
        do_ping(value);
    else if ((value = after(word, "dns")))
        do_dns(value);
    else if ((value = after(word, "get")))
        do_get((char *)value);
    else if ((value = after(word, "echo")))
        do_echo(value);
    else if ((value = after(word, "sleep")))
        for (u32 until = ticks + parse_number(&value) * 1000; !due(until);)
            net_poll();
    else if (!memcmp(word, "poweroff", 9))
        power_off();
    else if (!after(word, "nic") && !is_file(word))
        print("unknown word: %s\n", word);
}

void kernel_main(u32 *info)
{
    static char line[1024], copy[1024];
    static const u8 uart[][2] = { { 1, 0 }, { 3, 0x80 }, { 0, 1 }, { 1, 0 }, { 3, 3 }, { 2, 7 } };
    for (u32 i = 0; i < COUNT(uart); i++)                   /* 115200 8N1, with its FIFO */
        outb(0x3f8 + uart[i][0], uart[i][1]);
    if (info[0] & HAS_COMMAND_LINE)
        memcpy(line, (char *)info[4], MIN(strlen((char *)info[4]), sizeof line - 1));
    time_init();

    const char *wanted = NULL;
    char *at = memcpy(copy, line, sizeof line), *word;
    while (*(word = next_word(&at)))
        wanted = after(word, "nic") ? after(word, "nic") : wanted;
    if (!find_nic(wanted)) {
        print("no network card\n");
        return;
    }
    print("card %s %M\n", nic.name, nic.mac);
    seed_random(*(u32 *)(nic.mac + 2));
    while (!dhcp_bound())
        net_poll();
    for (at = line; *(word = next_word(&at));)
        do_word(word);
    for (;;)
        net_poll();
}
