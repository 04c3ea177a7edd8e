using static TorchSharp.torch;

namespace MedPeft.Lora.Injection.Peft;

/// <summary>Recognises the updates of blocks in the factors of plain LoRA, by the zeros that <see cref="LoraLayout"/> leaves.</summary>
internal static class BlockStructure
{
    private static readonly LoraBlock[][] Choices =
    [
        [LoraBlock.Query], [LoraBlock.Key], [LoraBlock.Value],
        [LoraBlock.Query, LoraBlock.Key], [LoraBlock.Query, LoraBlock.Value], [LoraBlock.Key, LoraBlock.Value],
        [LoraBlock.Query, LoraBlock.Key, LoraBlock.Value],
    ];

    /// <summary>The blocks that all the factors have; null if they have no zeros of that kind, or nothing but zeros.</summary>
    /// <param name="factors">B of each layer, [out, R].</param>
    public static IReadOnlyList<LoraBlock>? Of(IReadOnlyList<Tensor> factors) => Choices.FirstOrDefault(blocks =>
    {
        var filled = new bool[blocks.Length];
        return factors.All(factor => Fits(factor, blocks, filled)) && filled.All(any => any);
    });

    private static bool Fits(Tensor factor, LoraBlock[] blocks, bool[] filled)
    {
        if (factor.dim() != 2 || factor.shape[0] % 3 != 0 || factor.shape[1] % blocks.Length != 0) return false;
        using var scope = NewDisposeScope();
        var any = factor.to(ScalarType.Bool).view(3, factor.shape[0] / 3, blocks.Length, -1).any(3).any(1).contiguous().data<bool>().ToArray(); // [3, G]
        for (var row = 0; row < 3; row++)
            for (var g = 0; g < blocks.Length; g++)
                if (any[row * blocks.Length + g])
                {
                    if ((int)blocks[g] != row) return false;
                    filled[g] = true;
                }
        return true;
    }
}
