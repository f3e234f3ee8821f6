# ping.nbp: asks the router for three echoes and powers the machine off once all were answered.
#
# iPXE as Debian builds it has neither `ping` nor `poweroff`, but it runs any PXE network boot
# program: `chain http://.../ping.nbp` loads this one to 0000:7c00 and jumps there, with a far
# pointer to the structure "!PXE" at [ss:sp+4], through which the program uses iPXE's driver.
# The frames are made, and their answers judged, here.
#
# On the screen and on COM1 it says "ping N: answered in M us" for each answer, then either
# "ping: done" and the power off (Bochs's port 0x8900), or "ping: failed: ..." and it halts.
# `nbp.py` assembles it. "PXE" below is Intel's Preboot Execution Environment 2.1, 1999.

        .intel_syntax noprefix
        .arch   i586                    # for rdtsc
        .code16

        .set    PINGS, 3
        .set    PATIENCE, 55            # ticks of 54.925 ms that an answer may take
        .set    TICK_US, 54925
        .set    TICKS, 0x46c            # the BIOS's counter of them

        .set    COM1, 0x3f8
        .set    LINE_STATUS, COM1 + 5
        .set    MAY_WRITE, 0x20
        .set    ALL_SENT, 0x40
        .set    POWER, 0x8900           # takes the word "Shutdown"

        .set    UNDI_OPEN, 0x06         # PXE 3.4, the functions that are called
        .set    UNDI_TRANSMIT, 0x08
        .set    UNDI_ISR, 0x14
        .set    GET_CACHED_INFO, 0x71
        .set    ENTRY, 0x10             # in !PXE: the far address to call
        .set    ISR_START, 1            # what to do, and below what it did
        .set    ISR_PROCESS, 2
        .set    ISR_NEXT, 3
        .set    ISR_RECEIVED, 3
        .set    ISR_TRANSMITTED, 2

        .set    BOOTP_YIADDR, 16
        .set    BOOTP_CHADDR, 28
        .set    BOOTP_OPTIONS, 240
        .set    OPTION_ROUTER, 3
        .set    OPTION_END, 255

        .set    ETHERNET, 14
        .set    IP, ETHERNET            # offsets in a frame
        .set    IP_PROTOCOL, IP + 9
        .set    IP_SOURCE, IP + 12
        .set    IP_TARGET, IP + 16
        .set    ICMP, IP + 20
        .set    ARP_OPERATION, ETHERNET + 6
        .set    ARP_SENDER_MAC, ETHERNET + 8
        .set    ARP_SENDER, ETHERNET + 14

        .globl  start
start:  mov     bp, sp
        les     bx, [bp + 4]
        xor     ax, ax
        mov     ds, ax
        mov     ss, ax
        mov     sp, offset start
        sti
        cld
        call    serial_on
        mov     si, offset no_pxe
        cmp     dword ptr es:[bx], 0x45585021   # "!PXE"
        jne     fail
        mov     eax, es:[bx + ENTRY]
        mov     [entry], eax
        xor     ax, ax
        mov     es, ax                  # ds, es and ss stay 0 from here on
        call    calibrate
        call    read_lease
        mov     ax, UNDI_OPEN
        mov     di, offset open
        mov     si, offset no_open
        call    pxe
        call    find_router
        call    fill_echo
ping:   inc     byte ptr [number]
        call    echo
        cmp     byte ptr [number], PINGS
        jb      ping
        mov     si, offset done
        call    print
power_off:
        mov     dx, LINE_STATUS
1:      in      al, dx
        test    al, ALL_SENT
        jz      1b
        mov     dx, POWER
        mov     si, offset shutdown
        mov     cx, offset shutdown_end - shutdown
        rep     outsb
        mov     si, offset no_power_off # not reached in Bochs

# Say the text at si and stop for good.
fail:   push    si
        mov     si, offset failed
        call    print
        pop     si
        call    print
        mov     si, offset newline
        call    print
halt:   hlt
        jmp     halt

# Call the PXE function ax with the parameters at di; if it fails, with the text at si.
pxe:    push    ds
        push    di
        push    ax
        lcall   [entry]
        add     sp, 6
        cld
        test    ax, ax
        jnz     fail
        ret

# From the last DHCP acknowledgement: our addresses and the router's.
read_lease:
        mov     ax, GET_CACHED_INFO
        mov     di, offset cached
        mov     si, offset no_lease
        call    pxe
        les     bx, [cached_at]
        mov     eax, es:[bx + BOOTP_YIADDR]
        mov     [echo_frame + IP_SOURCE], eax
        mov     [arp_frame + ARP_SENDER], eax
        mov     eax, es:[bx + BOOTP_CHADDR]
        mov     [arp_frame + 6], eax
        mov     [arp_frame + ARP_SENDER_MAC], eax
        mov     [echo_frame + 6], eax
        mov     ax, es:[bx + BOOTP_CHADDR + 4]
        mov     [arp_frame + 10], ax
        mov     [arp_frame + ARP_SENDER_MAC + 4], ax
        mov     [echo_frame + 10], ax
        mov     si, offset no_router
        mov     cx, [cached_size]
        add     cx, bx                  # the end
        add     bx, BOOTP_OPTIONS
1:      cmp     bx, cx
        jae     fail
        mov     ax, es:[bx]             # tag and length
        inc     bx
        cmp     al, 0                   # padding: a tag alone
        je      1b
        cmp     al, OPTION_END
        je      fail
        inc     bx
        cmp     al, OPTION_ROUTER
        je      2f
        movzx   ax, ah
        add     bx, ax
        jmp     1b
2:      mov     eax, es:[bx]
        mov     [echo_frame + IP_TARGET], eax
        mov     [arp_target], eax
        push    ds
        pop     es
        ret

# The router's hardware address, by ARP.
find_router:
        mov     si, offset arp_frame
        mov     cx, offset arp_end - arp_frame
        call    send
        mov     bp, offset is_arp_reply
        mov     si, offset no_arp
        call    await
        mov     si, offset frame + ARP_SENDER_MAC
        mov     di, offset echo_frame   # its target
        mov     cx, 6
        rep     movsb
        ret

is_arp_reply:
        cmp     word ptr [frame + 12], 0x0608
        jne     9f
        cmp     word ptr [frame + ARP_OPERATION], 0x0200
        jne     9f
        mov     eax, [arp_target]
        cmp     eax, [frame + ARP_SENDER]
9:      ret

fill_echo:
        mov     di, offset echo_data
        mov     cx, offset echo_end - echo_data
        mov     al, 'a'
1:      stosb
        inc     ax
        loop    1b
        ret

# One request and its answer, which is the request but for its type and so its checksum.
echo:   mov     al, [number]
        mov     [echo_sequence + 1], al
        mov     [echo_frame + IP + 5], al       # identification
        mov     word ptr [echo_frame + IP + 10], 0
        mov     si, offset echo_frame + IP
        mov     cx, 10
        call    checksum
        mov     [echo_frame + IP + 10], ax
        mov     al, 8                   # echo request
        call    set_type
        rdtsc
        mov     [began], eax
        mov     si, offset echo_frame
        mov     cx, offset echo_end - echo_frame
        call    send
        mov     al, 0                   # echo reply
        call    set_type
        mov     bp, offset is_echo_reply
        mov     si, offset no_echo
        call    await
        rdtsc
        sub     eax, [began]
        mov     ecx, TICK_US
        mul     ecx
        div     dword ptr [per_tick]
        push    eax
        mov     si, offset ping_text
        call    print
        movzx   eax, byte ptr [number]
        call    print_number
        mov     si, offset answered
        call    print
        pop     eax
        call    print_number
        mov     si, offset microseconds
        jmp     print

set_type:
        mov     [echo_frame + ICMP], al
        mov     word ptr [echo_frame + ICMP + 2], 0
        mov     si, offset echo_frame + ICMP
        mov     cx, offset (echo_end - echo_frame - ICMP) / 2
        call    checksum
        mov     [echo_frame + ICMP + 2], ax
        ret

is_echo_reply:
        cmp     word ptr [received_size], offset echo_end - echo_frame
        jne     9f
        cmp     word ptr [frame + 12], 0x0008
        jne     9f
        cmp     byte ptr [frame + IP], 0x45
        jne     9f
        cmp     byte ptr [frame + IP_PROTOCOL], 1
        jne     9f
        mov     eax, [echo_frame + IP_TARGET]
        cmp     eax, [frame + IP_SOURCE]
        jne     9f
        mov     eax, [echo_frame + IP_SOURCE]
        cmp     eax, [frame + IP_TARGET]
        jne     9f
        mov     si, offset frame + ICMP
        mov     di, offset echo_frame + ICMP
        mov     cx, offset echo_end - echo_frame - ICMP
        repe    cmpsb
9:      ret

# The Internet checksum of cx words at si, in ax.
checksum:
        xor     dx, dx
1:      lodsw
        add     dx, ax
        adc     dx, 0
        loop    1b
        mov     ax, dx
        not     ax
        ret

# Send the frame of cx bytes at si.
send:   mov     [block_size], cx
        mov     [block_at], si
        mov     ax, UNDI_TRANSMIT
        mov     di, offset transmit
        mov     si, offset no_transmit
        jmp     pxe

# Until a frame is received for which the routine at bp says "equal"; if that takes too long,
# fail with the text at si. The card's interrupt is not used: its routine is called in a loop.
await:  mov     [otherwise], si
        mov     byte ptr [patience], PATIENCE
1:      mov     eax, ds:[TICKS]
        cmp     eax, [tick]
        je      2f
        mov     [tick], eax
        mov     si, [otherwise]
        dec     byte ptr [patience]
        jz      fail
2:      mov     ax, ISR_START
        call    isr
        mov     ax, ISR_PROCESS
3:      call    isr
        cmp     ax, ISR_TRANSMITTED
        je      4f
        cmp     ax, ISR_RECEIVED
        jne     1b
        call    take
        call    bp
        je      9f
4:      mov     ax, ISR_NEXT
        jmp     3b
9:      ret

isr:    mov     [isr_what], ax
        mov     ax, UNDI_ISR
        mov     di, offset isr_parameters
        mov     si, offset no_isr
        call    pxe
        mov     ax, [isr_what]
        ret

# Copy what was received to `frame`.
take:   mov     cx, [received_size]
        cmp     cx, offset frame_end - frame
        jbe     1f
        mov     cx, offset frame_end - frame
1:      mov     di, offset frame
        push    ds
        lds     si, [received_at]
        rep     movsb
        pop     ds
        ret

# How far the processor's counter gets in one tick.
calibrate:
        call    next_tick
        rdtsc
        mov     [per_tick], eax
        call    next_tick
        rdtsc
        sub     eax, [per_tick]
        mov     [per_tick], eax
        ret

next_tick:
        mov     eax, ds:[TICKS]
1:      cmp     eax, ds:[TICKS]
        je      1b
        ret

# 115200 baud, 8N1, no interrupts.
serial_on:
        mov     si, offset serial_setup
        mov     cx, offset (serial_setup_end - serial_setup) / 2
1:      lodsw
        movzx   dx, al
        add     dx, COM1
        mov     al, ah
        out     dx, al
        loop    1b
        ret

print_number:                           # eax, in decimal
        mov     ebx, 10
        xor     cx, cx
1:      xor     edx, edx
        div     ebx
        push    dx
        inc     cx
        test    eax, eax
        jnz     1b
2:      pop     ax
        add     al, '0'
        call    put
        loop    2b
        ret

print:  lodsb                           # the text at si, up to its 0
        test    al, al
        jz      9f
        call    put
        jmp     print
9:      ret

put:    pushad                          # the character in al
        push    ax
        mov     dx, LINE_STATUS
1:      in      al, dx
        test    al, MAY_WRITE
        jz      1b
        mov     dx, COM1
        pop     ax
        out     dx, al
        mov     ah, 0x0e
        mov     bx, 7
        int     0x10
        popad
        ret

ping_text:      .asciz  "ping "
answered:       .asciz  ": answered in "
microseconds:   .ascii  " us"
newline:        .asciz  "\r\n"
done:           .asciz  "ping: done\r\n"
failed:         .asciz  "ping: failed: "
no_pxe:         .asciz  "not started by a PXE loader"
no_lease:       .asciz  "no DHCP acknowledgement"
no_router:      .asciz  "no router in the DHCP acknowledgement"
no_open:        .asciz  "the network card does not open"
no_transmit:    .asciz  "the network card does not send"
no_isr:         .asciz  "the network card does not receive"
no_arp:         .asciz  "the router does not answer ARP"
no_echo:        .asciz  "no answer"
no_power_off:   .asciz  "the machine does not power off"
shutdown:       .ascii  "Shutdown"
shutdown_end:
serial_setup:   .byte   1, 0, 3, 0x80, 0, 1, 1, 0, 3, 3, 2, 1   # register, value
serial_setup_end:

        .balign 2
arp_frame:
        .fill   6, 1, 0xff
        .skip   6
        .byte   8, 6, 0, 1, 8, 0, 6, 4, 0, 1
        .skip   6 + 4 + 6
arp_target:
        .skip   4
arp_end:

echo_frame:
        .skip   12
        .byte   8, 0
        .byte   0x45, 0, 0, offset echo_end - echo_frame - IP, 0, 1, 0, 0, 64, 1
        .skip   2 + 4 + 4
        .byte   8, 0, 0, 0, 0x70, 0x79
echo_sequence:
        .skip   2
echo_data:
        .skip   56
echo_end:

# Parameters of the PXE functions, each begins with the status that the function sets.
open:   .word   0, 0, 3                 # for us or for all
        .skip   2 + 8 * 6               # multicast addresses

transmit:
        .word   0, 0                    # a frame as it is, with its Ethernet header
        .word   0, 0                    # the target's address, if it were without
        .word   offset block, 0
        .skip   8
block:
block_size:     .word   0
block_at:       .word   0, 0
                .word   0               # further blocks

isr_parameters:
                .word   0
isr_what:       .word   0
received_size:  .word   0
                .word   0, 0
received_at:    .word   0, 0
                .byte   0, 0

cached:         .word   0, 2            # the acknowledgement
cached_size:    .word   0               # 0: no copy, tell where it is
cached_at:      .word   0, 0
                .word   0

entry:          .skip   4
per_tick:       .skip   4
began:          .skip   4
tick:           .skip   4
otherwise:      .skip   2
patience:       .byte   0
number:         .byte   0
frame:          .skip   128
frame_end:
