using Microsoft.Extensions.Logging;

namespace Chat.Cells.Chaos.Cells;

/// <summary>Writes the servers' warnings and errors to a file, for whoever looks into a failure.</summary>
public sealed class FileLogs(string path) : ILoggerProvider
{
    private readonly Lock gate = new();
    private readonly StreamWriter writer = new(path, append: true);
    private bool closed;

    public ILogger CreateLogger(string categoryName) => new FileLogger(this, categoryName, static () => true);

    /// <summary>For a host's logging: these logs and nothing else.</summary>
    /// <param name="isAlive">False once the server is dead: what its code says then is of no interest.</param>
    public void Configure(ILoggingBuilder logging, string server, Func<bool>? isAlive = null) =>
        logging.ClearProviders().SetMinimumLevel(LogLevel.Warning).AddProvider(new Named(this, server, isAlive ?? (static () => true)));

    public void Dispose()
    {
        lock (gate)
        {
            closed = true;
            writer.Dispose();
        }
    }

    private void Write(string line)
    {
        lock (gate)
        {
            if (!closed) writer.WriteLine(line);
        }
    }

    /// <summary>One server's; the file outlives it.</summary>
    private sealed class Named(FileLogs owner, string server, Func<bool> isAlive) : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new FileLogger(owner, $"{server} {categoryName}", isAlive);

        public void Dispose()
        {
            lock (owner.gate)
            {
                if (!owner.closed) owner.writer.Flush();
            }
        }
    }

    private sealed class FileLogger(FileLogs owner, string name, Func<bool> isAlive) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && isAlive();

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel)) return;
            owner.Write($"{DateTimeOffset.UtcNow:HH:mm:ss.fff} {logLevel} {name}: {formatter(state, exception)}{(exception is null ? "" : " " + exception)}");
        }
    }
}
