/* What the command line asks for, word by word. */
#include "kernel.h"

enum { HAS_COMMAND_LINE = 1 << 2, PINGS = 4, HEADER_END = 0x0d0a0d0a };

struct nic nic;
static struct tcp *served; /* by echo(), the last one */

static void echo(struct tcp *t) { /* RFC 862, until the other end closes */
    for (int byte; tcp_room(t) && (byte = tcp_read(t)) >= 0;) tcp_write(t, byte);
    if (t->state >= ESTABLISHED) served = t;
    if (tcp_at_end(t)) tcp_close(t);
}

void net_poll(void) {
    static struct packet p;
    while (p.data = p.buffer, nic.receive(&p)) eth_input(&p);
    foreach (t, connections)
        if (t->state && t->peer.local_port == tcp_listening) echo(t);
    dhcp_tick(), arp_tick(), tcp_tick();
    asm volatile("hlt"); /* until the next millisecond */
}

static char *split(char *s, char at) { /* ends s there; what follows, or its end */
    while (*s && *s != at) s++;
    if (*s) *s++ = '\0';
    return s;
}

static void do_ping(char *name) {
    u32 ip, answered = 0;
    if (!dns_resolve(name, &ip)) return;
    for (u32 sequence = 1; sequence <= PINGS; sequence++) {
        u32 start = ticks;
        if (!ping(ip, sequence)) continue;
        answered++, print("ping %I: reply %u after %u ms\n", ip, sequence, ticks - start);
    }
    print("ping %I: %u of %u answered\n", ip, answered, PINGS);
}

static void do_dns(char *name) {
    u32 ip;
    if (dns_resolve(name, &ip)) print("dns %s is %I\n", name, ip);
}

static void do_get(char *url) { /* http://HOST:PORT/PATH */
    char *host = split(split(url, '/'), '/'), *path = split(host, '/'), *port = split(host, ':');
    const char *request[] = {"GET /", path, " HTTP/1.0\r\nHost: ", host, "\r\n\r\n"};
    u32 ip, size = 0, crc = ~0u, last = 0; /* four bytes: the header's end */
    if (!dns_resolve(host, &ip)) return;
    struct tcp *t = tcp_connect(ip, *port ? parse_number((const char **)&port) : 80);
    if (!t) return print("get: no connection is free\n");
    foreach (text, request)
        for (const char *s = *text; *s && t->state != CLOSED;)
            tcp_room(t) ? tcp_write(t, *s++) : net_poll();
    for (int byte; !tcp_at_end(t);) {
        if ((byte = tcp_read(t)) < 0) {
            net_poll();
        } else if (last != HEADER_END) {
            last = last << 8 | byte;
        } else {
            size++, crc ^= byte;
            for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    for (tcp_close(t); t->state != CLOSED && t->state != TIME_WAIT;) net_poll();
    t->in_use = false;
    if (t->error || last != HEADER_END) return print("get: %s\n", t->error ?: "no header");
    print("get: %u bytes, crc32 %u\n", size, ~crc);
}

static void do_echo(char *port) { /* until one has come and gone */
    tcp_listening = parse_number((const char **)&port);
    print("echo: port %u\n", tcp_listening);
    for (served = NULL; !served || served->state;) net_poll();
    print("echo: done\n");
}

static void do_sleep(char *seconds) {
    for (u32 until = ticks + parse_number((const char **)&seconds) * 1000; !due(until);) net_poll();
}

static void do_poweroff(char *rest) { /* Bochs's own way; QEMU has none here */
    print("power off\n%s", rest);
    for (const char *s = "Shutdown"; *s; s++) outb(0x8900, *s);
}

static const struct {
    char name[sizeof "poweroff"];
    void (*run)(char *value);
} words[] = {{"ping", do_ping}, {"dns", do_dns},     {"get", do_get},
             {"echo", do_echo}, {"sleep", do_sleep}, {"poweroff", do_poweroff}};

void kernel_main(u32 *info) {
    char *line = info[0] & HAS_COMMAND_LINE ? (char *)info[4] : "";
    const u8 *m = nic.mac;
    pc_init();
    if (!e1000_init() && !ne2k_init()) return print("no network card\n");
    print("card %s %x:%x:%x:%x:%x:%x\n", nic.name, m[0], m[1], m[2], m[3], m[4], m[5]);
    random_state ^= number(m + 2, 4);
    while (!my_ip) net_poll();
    for (char *word = line, *rest; *word; word = rest) {
        rest = split(word, ' ');
        char *value = split(word, '=');
        bool known = !*word || word == line; /* loaders begin with the kernel's name */
        foreach (w, words)
            if (!memcmp(word, w->name, value - word + !*value)) w->run(value), known = true;
        if (!known) print("unknown word: %s\n", word);
    }
    for (;;) net_poll();
}
