# A multiboot kernel that does nothing: a line on the serial port, IDLE_SECONDS halted, and again.
.set HZ, 100
.set COM1, 0x3f8

.section .text
.long 0x1badb002, 0, -0x1badb002        # multiboot
.global _start
_start:
    mov $stack, %esp
    movl $interrupt, %eax
    movw %ax, gate
    shr $16, %eax
    movw %ax, gate + 6
    mov %cs, gate + 2
    lidt pointer
    mov $pics, %esi                     # the timer's interrupt alone, with an end by itself
1:  movzwl (%esi), %edx
    mov 2(%esi), %al
    out %al, %dx
    add $3, %esi
    cmp $pics_end, %esi
    jne 1b
    sti
2:  mov $begin, %esi
    call say
    mov $HZ * IDLE_SECONDS, %ebx
3:  hlt
    dec %ebx
    jnz 3b
    jmp 2b
say:                                    # each character once the one before has left
    mov $COM1 + 5, %edx
    in (%dx), %al
    test $0x40, %al
    jz say
    mov $COM1, %edx
    lodsb
    out %al, %dx
    cmp $'\n', %al
    jne say
    ret
interrupt:
    iret

.section .data
begin: .ascii "idle\n"
.macro write port, value
    .word \port
    .byte \value
.endm
pics:
    write 0x20, 0x11
    write 0x21, 0x20
    write 0x21, 0x04
    write 0x21, 0x03
    write 0xa0, 0x11
    write 0xa1, 0x28
    write 0xa1, 0x02
    write 0xa1, 0x03
    write 0x21, 0xfe
    write 0xa1, 0xff
    write 0x43, 0x34
    write 0x40, (1193182 / HZ) & 255
    write 0x40, (1193182 / HZ) >> 8
    write COM1 + 3, 3
pics_end:
.align 8
pointer: .word idt_end - idt - 1
    .long idt
.align 8
idt: .fill 32, 8, 0
gate: .word 0, 0, 0x8e00, 0
idt_end:
.fill 256, 4, 0
stack:
