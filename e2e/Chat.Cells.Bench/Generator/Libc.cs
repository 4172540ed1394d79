using System.Net;
using System.Runtime.InteropServices;

namespace Chat.Cells.Bench.Generator;

/// <summary>
/// The system calls of a generator that owns its sockets: thousands of them on one thread, without a task, a buffer or an event object each, so that the generator takes as little
/// as possible of the cores that it shares with the server.
/// </summary>
internal static unsafe partial class Libc
{
    public const int WouldBlock = 11;
    public const int InProgress = 115;

    public const uint In = 0x1;
    public const uint Out = 0x4;
    public const uint Error = 0x8;
    public const uint HangUp = 0x10;

    private const int Inet = 2;
    private const int Stream = 1;
    private const int NonBlocking = 0x800;
    private const int CloseOnExec = 0x80000;
    private const int NoSignal = 0x4000;
    private const int SocketLevel = 1;
    private const int SocketError = 4;
    private const int Linger = 13;
    private const int TcpLevel = 6;
    private const int NoDelay = 1;
    private const int AddControl = 1;
    private const int ModifyControl = 3;

    /// <summary>An event is packed on x86-64 and nowhere else.</summary>
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>A non-blocking TCP socket without Nagle's delay, bound to a loopback address of its own choosing; it resets on close, so that no port stays taken.</summary>
    public static int Open(uint sourceAddress)
    {
        var fd = socket(Inet, Stream | NonBlocking | CloseOnExec, 0);
        if (fd < 0) throw Failed("socket");
        var on = 1;
        setsockopt(fd, TcpLevel, NoDelay, &on, sizeof(int));
        var linger = stackalloc int[2] { 1, 0 };
        setsockopt(fd, SocketLevel, Linger, linger, 2 * sizeof(int));
        var address = new SocketAddress4(sourceAddress, 0);
        return bind(fd, &address, sizeof(SocketAddress4)) == 0 ? fd : throw Failed("bind");
    }

    /// <summary>Begins to connect; 0 or the error.</summary>
    public static int Connect(int fd, IPEndPoint to)
    {
        var bytes = to.Address.GetAddressBytes();
        var address = new SocketAddress4((uint)((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]), (ushort)to.Port);
        return connect(fd, &address, sizeof(SocketAddress4)) == 0 || Marshal.GetLastPInvokeError() is InProgress ? 0 : Marshal.GetLastPInvokeError();
    }

    /// <summary>The error that waits on a socket, 0 when none.</summary>
    public static int ErrorOf(int fd)
    {
        var error = 0;
        var length = sizeof(int);
        return getsockopt(fd, SocketLevel, SocketError, &error, &length) == 0 ? error : Marshal.GetLastPInvokeError();
    }

    /// <summary>How many bytes came; 0 at the end, the negative error otherwise.</summary>
    public static int Receive(int fd, Span<byte> buffer)
    {
        fixed (byte* to = buffer)
        {
            var count = recv(fd, to, (nuint)buffer.Length, 0);
            return count >= 0 ? (int)count : -Marshal.GetLastPInvokeError();
        }
    }

    /// <summary>How many bytes the socket took; the negative error otherwise.</summary>
    public static int Send(int fd, ReadOnlySpan<byte> bytes)
    {
        fixed (byte* from = bytes)
        {
            var count = send(fd, from, (nuint)bytes.Length, NoSignal);
            return count >= 0 ? (int)count : -Marshal.GetLastPInvokeError();
        }
    }

    public static void Close(int fd) => _ = close(fd);

    public static int NewPoll()
    {
        var fd = epoll_create1(CloseOnExec);
        return fd >= 0 ? fd : throw Failed("epoll_create1");
    }

    public static void Watch(int poll, int fd, uint events, int key, bool again)
    {
        var change = stackalloc byte[16];
        *(uint*)change = events;
        *(int*)(change + EventSize - 8) = key;
        if (epoll_ctl(poll, again ? ModifyControl : AddControl, fd, change) != 0) throw Failed("epoll_ctl");
    }

    /// <summary>Waits for events; the buffer holds <paramref name="max"/> of them, 16 bytes each at most.</summary>
    public static int Wait(int poll, byte* events, int max, long nanoseconds)
    {
        var time = stackalloc long[2] { nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000 };
        var count = epoll_pwait2(poll, events, max, time, null);
        return count >= 0 ? count : Marshal.GetLastPInvokeError() == 4 ? 0 : throw Failed("epoll_pwait2");
    }

    public static (uint Events, int Key) EventAt(byte* events, int index)
    {
        var at = events + (index * EventSize);
        return (*(uint*)at, *(int*)(at + EventSize - 8));
    }

    private static InvalidOperationException Failed(string call) => new($"{call}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct SocketAddress4(uint address, ushort port)
    {
        public readonly ushort Family = Inet;
        public readonly ushort Port = (ushort)IPAddress.HostToNetworkOrder((short)port);
        public readonly uint Address = (uint)IPAddress.HostToNetworkOrder((int)address);
        public readonly long Zero = 0;
    }

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int socket(int domain, int type, int protocol);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int bind(int fd, SocketAddress4* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int connect(int fd, SocketAddress4* address, int length);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int setsockopt(int fd, int level, int name, void* value, int length);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int getsockopt(int fd, int level, int name, void* value, int* length);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint recv(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial nint send(int fd, byte* buffer, nuint length, int flags);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int close(int fd);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int epoll_create1(int flags);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int epoll_ctl(int poll, int operation, int fd, byte* change);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int epoll_pwait2(int poll, byte* events, int max, long* timeout, void* mask);
}
