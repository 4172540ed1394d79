namespace Chat.Cells.LocalCluster.CommandLine;

/// <summary>The command line is wrong; the message says how.</summary>
public sealed class UsageException(string message) : Exception(message);

/// <summary>Options written as <c>--name value</c> or <c>--name=value</c>, and flags without a value.</summary>
public sealed class Arguments
{
    private readonly Dictionary<string, string> values;

    private Arguments(Dictionary<string, string> values) => this.values = values;

    /// <summary>Reads the options that a verb knows.</summary>
    /// <exception cref="UsageException">An option is unknown, lacks its value, or is given twice.</exception>
    public static Arguments Parse(IReadOnlyList<string> args, IReadOnlyCollection<string> options, IReadOnlyCollection<string> flags)
    {
        var given = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < args.Count; i++)
        {
            var equals = args[i].IndexOf('=', StringComparison.Ordinal);
            var name = equals > 0 ? args[i][..equals] : args[i];
            string value;
            if (flags.Contains(name) && equals < 0)
            {
                value = "true";
            }
            else if (!options.Contains(name))
            {
                throw new UsageException($"unknown option {args[i]}; known are {string.Join(", ", options.Concat(flags).Order(StringComparer.Ordinal))}");
            }
            else if (equals > 0)
            {
                value = args[i][(equals + 1)..];
            }
            else if (i + 1 < args.Count)
            {
                value = args[++i];
            }
            else
            {
                throw new UsageException($"{name} needs a value");
            }

            if (!given.TryAdd(name, value))
            {
                throw new UsageException($"{name} is given twice");
            }
        }

        return new Arguments(given);
    }

    /// <summary>The value, or null.</summary>
    public string? this[string name] => values.GetValueOrDefault(name);

    /// <summary>Whether a flag is given.</summary>
    public bool Has(string name) => values.ContainsKey(name);

    /// <summary>The value of an option that must be there.</summary>
    /// <exception cref="UsageException">It is not.</exception>
    public string Required(string name) => this[name] is { Length: > 0 } value ? value : throw new UsageException($"{name} is missing");
}
