using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Chat.Cells.Cell.Engines.Kafka;

/// <summary>
/// Finds the native librdkafka for Confluent.Kafka where the redist package isn't installed: the file named by <c>CHATCELLS_LIBRDKAFKA</c>, else
/// <c>librdkafka.so</c> beside the application, else the system's.
/// </summary>
public static class LibrdkafkaLoader
{
    /// <summary>Environment variable with the path of <c>librdkafka.so.1</c>.</summary>
    public const string PathVariable = "CHATCELLS_LIBRDKAFKA";

    private static readonly Lazy<nint> Loaded = new(Load);

    /// <summary>Has Confluent.Kafka use the native library; call before its first use. Calling it again changes nothing.</summary>
    /// <exception cref="DllNotFoundException">No usable library; the message says what to do.</exception>
    public static void EnsureLoaded() => _ = Loaded.Value;

    private static nint Load()
    {
        var handle = Find();
        DllImportResolver resolve = (name, _, _) => name.Contains("librdkafka", StringComparison.Ordinal) ? handle : 0;
        NativeLibrary.SetDllImportResolver(typeof(Library).Assembly, resolve);
        if (typeof(LibrdkafkaLoader).Assembly is var own && own != typeof(Library).Assembly) NativeLibrary.SetDllImportResolver(own, resolve);
        return handle;
    }

    private static nint Find()
    {
        var named = Environment.GetEnvironmentVariable(PathVariable);
        if (!string.IsNullOrEmpty(named))
        {
            return NativeLibrary.TryLoad(named, out var fromVariable)
                ? fromVariable
                : throw new DllNotFoundException($"{PathVariable} names '{named}', which can't be loaded: docs/kafka.md says how to build librdkafka.");
        }
        if (NativeLibrary.TryLoad(Path.Combine(AppContext.BaseDirectory, "librdkafka.so"), out var beside)) return beside;
        if (NativeLibrary.TryLoad("librdkafka", typeof(Library).Assembly, DllImportSearchPath.SafeDirectories, out var packaged)) return packaged;
        throw new DllNotFoundException($"librdkafka was not found. Set {PathVariable} to the path of librdkafka.so.1 (2.15.1); docs/kafka.md says how to build it.");
    }
}
