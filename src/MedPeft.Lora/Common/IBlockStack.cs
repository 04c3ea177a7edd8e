using static TorchSharp.torch;

namespace MedPeft.Lora.Common;

/// <summary>A model that is blocks in a row between an embedding and a head, and can run a part of them.</summary>
internal interface IBlockStack
{
    /// <summary>The number of blocks.</summary>
    int Blocks { get; }

    /// <summary>All that decides what the first blocks compute beside their weights and adapters, as text.</summary>
    string ShapeBelow(int block);

    /// <summary>Where a parameter or buffer lies, by its name: -1 in front of the blocks, the number of its block, or <see cref="Blocks"/> behind them.</summary>
    int PlaceOf(string name);

    /// <summary>The embedding and the blocks before one.</summary>
    /// <param name="images">[B, C, S, S].</param>
    /// <param name="block">The first block that does not run.</param>
    /// <returns>Tokens, [B, N, C], caller owns.</returns>
    Tensor Below(Tensor images, int block);

    /// <summary>The blocks from one on, and the head.</summary>
    /// <param name="tokens">[B, N, C], as <see cref="Below"/> gives them; they stay the caller's.</param>
    /// <param name="block">The first block that runs.</param>
    /// <returns>What the model gives, caller owns.</returns>
    Tensor From(Tensor tokens, int block);
}
