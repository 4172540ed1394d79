using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Chat.Cells.Cell.Hosting;

/// <summary>The engines' files in the secrets folder. They may be replaced while the server runs, so that engines read them again when they connect.</summary>
internal static partial class EngineSecrets
{
    /// <summary>Null when there is no such file.</summary>
    /// <exception cref="OptionsException">It is there and can't be read.</exception>
    public static string? Read(CellOptions options, string name)
    {
        var file = Path.Combine(options.SecretsDirectory, name);
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OptionsException($"'{file}' can't be read: {e.Message}");
        }
    }

    /// <summary>The certificates of a PEM file; null when there is no such file.</summary>
    /// <exception cref="OptionsException">It is there and has none.</exception>
    public static X509Certificate2Collection? ReadAuthorities(CellOptions options, string name)
    {
        if (Read(options, name) is not { } pem) return null;
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new OptionsException($"The secret {name} is not PEM: {e.Message}");
        }
        // Without one every server would be refused, or worse, a reader might think that TLS is off.
        return authorities.Count > 0 ? authorities : throw new OptionsException($"The secret {name} has no certificate.");
    }

    /// <summary>Reads anew at each call; what can't be used now leaves what was read last, and is logged.</summary>
    /// <param name="first">What was read at the start.</param>
    /// <param name="read">Throws <see cref="OptionsException"/> for what can't be used.</param>
    /// <param name="logger">Gets the reason, never the content.</param>
    public static Func<T> Again<T>(T first, Func<T> read, ILogger logger)
    {
        var last = first;
        return () =>
        {
            try
            {
                return last = read();
            }
            catch (OptionsException e)
            {
                LogUnusable(logger, e.Message);
                return last;
            }
        };
    }

    [LoggerMessage(105, LogLevel.Warning, "An engine's secret can't be used as it is now and stays as it was: {Reason}")]
    private static partial void LogUnusable(ILogger logger, string reason);
}
