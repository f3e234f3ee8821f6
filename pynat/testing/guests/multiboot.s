# multiboot.elf: the smallest kernel that GRUB boots; adds up its first module and powers off.
#
# Multiboot Specification 0.6.96. On COM1 it says "multiboot: sum N", N the hexadecimal sum of the
# module's bytes, or "multiboot: no module". `grub.py` assembles it.

        .intel_syntax noprefix
        .code32

        .set    MAGIC, 0x1badb002       # the header's
        .set    LOADED_BY, 0x2badb002   # in eax: a boot loader that knows the specification
        .set    MODULES, 8              # in the flags: the next two fields of the information hold
        .set    MODULES_COUNT, 20
        .set    MODULES_ADDRESS, 24     # of pairs of start and end, each in 16 bytes

        .set    COM1, 0x3f8
        .set    LINE_STATUS, COM1 + 5
        .set    MAY_WRITE, 0x20
        .set    ALL_SENT, 0x40
        .set    POWER, 0x8900           # Bochs's: takes the word "Shutdown"

        .align  4
        .long   MAGIC, 0, -MAGIC        # flags 0: nothing is asked for; checksum

        .globl  start
start:  mov     esp, offset stack
        cld
        cmp     eax, LOADED_BY
        jne     none
        test    dword ptr [ebx], MODULES
        jz      none
        cmp     dword ptr [ebx + MODULES_COUNT], 0
        je      none
        mov     ebx, [ebx + MODULES_ADDRESS]
        mov     esi, [ebx]
        mov     ecx, [ebx + 4]
        sub     ecx, esi
        xor     edx, edx
        xor     eax, eax
next:   lodsb
        add     edx, eax
        loop    next
        mov     edi, edx
        mov     esi, offset sum
        call    print
        mov     ecx, 8
digit:  rol     edi, 4
        mov     eax, edi
        and     eax, 15
        mov     al, [digits + eax]
        call    put
        loop    digit
        mov     esi, offset ending
        jmp     last
none:   mov     esi, offset no_module
last:   call    print
        mov     dx, LINE_STATUS
drain:  in      al, dx
        test    al, ALL_SENT
        jz      drain
        mov     dx, POWER
        mov     esi, offset shutdown
say:    lodsb
        test    al, al
        jz      halt
        out     dx, al
        jmp     say
halt:   cli
        hlt
        jmp     halt

print:  lodsb
        test    al, al
        jz      done
        call    put
        jmp     print
done:   ret

put:    mov     ah, al
        mov     dx, LINE_STATUS
busy:   in      al, dx
        test    al, MAY_WRITE
        jz      busy
        mov     al, ah
        mov     dx, COM1
        out     dx, al
        ret

digits:         .ascii  "0123456789abcdef"
sum:            .asciz  "\r\nmultiboot: sum "
no_module:      .asciz  "\r\nmultiboot: no module"
ending:         .asciz  "\r\n"
shutdown:       .asciz  "Shutdown"

        .align  16
        .skip   1024
stack:
