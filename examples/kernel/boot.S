# Where the boot loader jumps to (Multiboot Specification 0.6.96), and the timer's interrupt.

        .section .multiboot, "a"
        .long   0x1badb002, 0, -0x1badb002      # magic, flags, checksum

        .text
        .globl  start, timer_entry
start:  mov     $stack + 16384, %esp
        lgdt    gdt_pointer                     # the loader's descriptor table may be gone, and an
        ljmp    $8, $1f                         # interrupt loads CS; the others stay as they are
1:      push    %ebx                            # the Multiboot information
        call    kernel_main                     # never comes back, but that there is no card
2:      hlt
        jmp     2b

timer_entry:                                    # the PIC ends it by itself: see pc.c
        incl    ticks
        iret

        .balign 8
gdt:    .quad   0, 0x00cf9a000000ffff           # none, code at 8
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt
        .lcomm  stack, 16384
        .section .note.GNU-stack, "", @progbits
